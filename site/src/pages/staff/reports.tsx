// What the studio has sold: sums of a period, each table with a CSV file, and what is open now.

import { useState } from "preact/hooks";
import { Printer } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Select } from "../../components/form.tsx";
import { Button, Empty, Skeleton } from "../../components/ui.tsx";
import { longDay } from "../../staff/dates.ts";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { Icon } from "../../staff/icon.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { CsvLink, PageHead, Segments, useToday } from "../../staff/parts.tsx";
import { type Range, RangeFields, readRange } from "../../staff/range.tsx";
import { type Column, Table } from "../../staff/table.tsx";
import type { StaffReportsTexts } from "../../texts/staff-reports.en.ts";
import { type Catalog, language } from "../../tools/language.ts";
import { useLoad } from "../../tools/load.ts";
import { addDays, formatDay, formatMomentIn } from "../../tools/time.ts";
import { formatCount } from "./analytics/figures.ts";
import "../../staff/facts.css";
import "./reports.css";

type Report = Schema<"SalesReport">;
type Sold = Schema<"SalesOfProduct">;
type Period = Schema<"SalesPeriod">;
type Balance = Schema<"StripeBalance">;
type Payout = Schema<"StripePayout">;
type Entry = Schema<"StripeEntry">;
type TableName = "periods" | "products" | "tenders" | "taxes" | "promo_codes" | "gift_cards" | "credit" | "open" | "passes" | "memberships" | "stripe" | "payouts" | "unmatched_entries";
type Texts = { t: StaffReportsTexts };

const RANGES = ["month", "last-month", "year", "own"] as const;
type RangeName = (typeof RANGES)[number];

function rangeOf(name: RangeName, today: string): Range {
  if (name === "year") return { from: `${today.slice(0, 4)}-01-01`, to: today };
  const first = `${today.slice(0, 7)}-01`;
  if (name === "month") return { from: first, to: today };
  const to = addDays(first, -1);
  return { from: `${to.slice(0, 7)}-01`, to };
}

function nameOf(range: Range, today: string): RangeName {
  const isRange = (name: RangeName) => {
    const { from, to } = rangeOf(name, today);
    return from === range.from && to === range.to;
  };
  return (["month", "last-month", "year"] as const).find(isRange) ?? "own";
}

function Reports({ t }: Texts) {
  const today = useToday();
  const [range, setRange] = useState(readRange() ?? rangeOf("month", today));
  // Null for a range from the address, which is named after its days.
  const [preset, setPreset] = useState<RangeName | null>(() => (readRange() ? null : "month"));
  const [currency, setCurrency] = useState<string | undefined>();
  const { from, to } = range;
  const query = { from, to, ...(currency ? { currency } : {}) };
  const { loaded, failure, reload } = useLoad(async () => ({ report: await call(api.GET("/api/admin/reports", { params: { query } })), query }), JSON.stringify(query));
  const choose = (chosen: RangeName, next: Range) => {
    history.replaceState(null, "", `/staff/reports?from=${next.from}&to=${next.to}`);
    setPreset(chosen);
    setRange(next);
    // The next range may have other currencies.
    setCurrency(undefined);
  };
  const name = preset ?? nameOf(range, today);
  const currencies = loaded ? [...new Set([...loaded.report.currencies, loaded.report.currency])] : [];
  // A report of another range or currency is not shown as if it were of this one.
  const shown = loaded && loaded.query.from === from && loaded.query.to === to && loaded.query.currency === currency ? loaded.report : null;
  return (
    <div class="staff-page reports">
      <PageHead title={t.title} hint={t.period(longDay(from), longDay(to))}>
        <Button kind="quiet" size="small" onClick={() => print()}>
          <Icon of={Printer} />
          {t.print}
        </Button>
      </PageHead>
      <div class="toolbar">
        <Segments<RangeName>
          label={t.range}
          value={name}
          options={RANGES.map((one) => [one, t.ranges[one] ?? one])}
          onChange={(next) => {
            if (next === "own") setPreset(next);
            else choose(next, rangeOf(next, today));
          }}
        />
        {name === "own" && <RangeFields t={t} range={range} onChange={(next) => choose("own", next)} />}
        {currencies.length > 1 && (
          <Select name="currency" label={t.currency} defaultValue={currency ?? loaded?.report.currency ?? ""} onChange={setCurrency} options={currencies.map((one) => [one, one] as const)} />
        )}
      </div>
      {failure && <FailurePanel text={t.failed} failure={failure} onRetry={reload} />}
      {!failure && !shown && <Skeleton count={4} height="14rem" />}
      {!failure && shown && <Figures t={t} report={shown} />}
    </div>
  );
}

interface PartProps extends Texts {
  report: Report;
}

function Figures({ t, report }: PartProps) {
  const { products, tenders, taxes, promoCodes } = report;
  return (
    <>
      <Totals t={t} report={report} />
      {products.length === 0 && <Empty text={t.nothing} />}
      {products.length > 0 && (
        <Part report={report} title={t.products} hint={t.productsHint} table="products">
          <Table caption={t.products} columns={productColumns(t, report)} items={products} rowKey={({ kind, id }) => `${kind} ${id}`} />
        </Part>
      )}
      {tenders.length > 0 && (
        <Part report={report} title={t.tenders} table="tenders">
          <Table caption={t.tenders} columns={tenderColumns(t, report)} items={tenders} rowKey={({ tender }) => tender} />
        </Part>
      )}
      <Periods t={t} report={report} />
      {taxes.some(({ rate }) => rate !== "0") && (
        <Part report={report} title={t.taxes} hint={t.taxesHint} table="taxes">
          <Table caption={t.taxes} columns={taxColumns(t, report)} items={taxes} rowKey={({ rate }) => rate} />
        </Part>
      )}
      {promoCodes.length > 0 && (
        <Part report={report} title={t.promoCodes} table="promo_codes">
          <Table caption={t.promoCodes} columns={promoCodeColumns(t, report)} items={promoCodes} rowKey={({ code }) => code} />
        </Part>
      )}
      <GiftCards t={t} report={report} />
      <MemberCredit t={t} report={report} />
      {report.memberships.length > 0 && (
        <Part report={report} title={t.memberships} hint={t.membershipsHint} table="memberships">
          <Table caption={t.memberships} columns={membershipColumns(t, report.currency)} items={report.memberships} rowKey={({ productId }) => productId} />
        </Part>
      )}
      {report.stripeRefusedAt && <p class="hint">{t.stripeRefused(formatMomentIn(report.stripeRefusedAt, report.timeZone))}</p>}
      {report.stripe && <StripeBalance t={t} report={report} balance={report.stripe} />}
      <Open t={t} report={report} />
    </>
  );
}

/** A table with its heading and its CSV file. */
function Part({ report, title, hint, table, children }: Omit<PartProps, "t"> & { title: string; hint?: string; table: TableName; children: preact.ComponentChildren }) {
  const { from, to, period, currency } = report;
  const query = new URLSearchParams({ from, to, period, currency, format: "csv", table });
  return (
    <section class="figures-part" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <CsvLink href={`/api/admin/reports?${query}`} name={`sabor-sales-${table.replace("_", "-")}`} />
      </header>
      {hint && <p class="hint">{hint}</p>}
      {children}
    </section>
  );
}

type Fact = readonly [name: string, amount: string, hint?: string];

function Facts({ label, facts, currency }: { label: string; facts: readonly Fact[]; currency: string }) {
  return (
    <ul class="plain-list facts period-facts" aria-label={label}>
      {facts.map(([name, amount, hint]) => (
        <li key={name}>
          <div>
            <span>{name}</span>
            <strong>{formatAmount(amount, currency)}</strong>
            {hint && <small>{hint}</small>}
          </div>
        </li>
      ))}
    </ul>
  );
}

function Totals({ t, report: { totals, giftCards, credit, currency } }: PartProps) {
  const { received, refunded, net, disputesLost, lostInDisputes, tax, sold, discounts, fees, givenSpots, givenValue } = totals;
  const facts: Fact[] = [
    [t.facts.received, received],
    [t.facts.refunded, refunded],
    [t.facts.net, net],
    ...(disputesLost > 0 ? [[t.facts.lostInDisputes, lostInDisputes, t.lostInDisputesHint] as const] : []),
    [t.facts.tax, tax],
    [t.facts.sold, sold, t.soldHint],
    [t.facts.redeemed, giftCards.redeemed],
    ...(Number(credit.redeemed) > 0 ? [[t.facts.byCredit, credit.redeemed] as const] : []),
    [t.facts.discounts, discounts],
    [t.facts.fees, fees],
    ...(givenSpots > 0 ? [[t.facts.given, givenValue, t.givenSpots(givenSpots)] as const] : []),
  ];
  return <Facts label={t.summary} facts={facts} currency={currency} />;
}

/** Each row is a card on a phone, so the table is closed there. */
const isPhone = matchMedia("(max-width: 44rem)").matches;

function Periods({ t, report }: PartProps) {
  const [title, hint] = report.period === "month" ? [t.months, t.monthsHint] : [t.days, t.daysHint];
  const moved = report.periods.filter(({ payments, refunds, tax }) => payments + refunds > 0 || Number(tax) !== 0);
  if (moved.length === 0) return null;
  return (
    <Part report={report} title={title} hint={hint} table="periods">
      <details open={!isPhone}>
        <summary>{t.showTable}</summary>
        <Table caption={title} columns={periodColumns(t, report)} items={moved} rowKey={({ start }) => start} />
      </details>
    </Part>
  );
}

/** What gift cards have brought in and paid in the period, and what is on them today. */
function GiftCards({ t, report }: PartProps) {
  const { sold, amount, redeemed, refunded, count, balance, held } = report.giftCards;
  const facts: Fact[] = [
    [t.giftCardFacts.sold, amount, t.giftCardCount(sold)],
    [t.giftCardFacts.redeemed, redeemed],
    [t.giftCardFacts.refunded, refunded],
    [t.giftCardFacts.balance, balance, t.giftCardCount(count)],
    [t.giftCardFacts.held, held],
  ];
  if (facts.every(([, sum]) => Number(sum) === 0)) return null;
  return (
    <Part report={report} title={t.giftCards} hint={t.giftCardsHint} table="gift_cards">
      <Facts label={t.giftCards} facts={facts} currency={report.currency} />
    </Part>
  );
}

/** What credit was given and has paid in the period, and what is left of it today. */
function MemberCredit({ t, report }: PartProps) {
  const { added, deducted, redeemed, refunded, forfeited, count, balance, held } = report.credit;
  const facts: Fact[] = [
    [t.creditFacts.added, added],
    [t.creditFacts.deducted, deducted],
    [t.creditFacts.redeemed, redeemed],
    [t.creditFacts.refunded, refunded],
    [t.creditFacts.forfeited, forfeited],
    [t.creditFacts.balance, balance, t.creditCount(count)],
    [t.creditFacts.held, held],
  ];
  if (facts.every(([, sum]) => Number(sum) === 0)) return null;
  return (
    <Part report={report} title={t.credit} hint={t.creditHint} table="credit">
      <Facts label={t.credit} facts={facts} currency={report.currency} />
    </Part>
  );
}

/** What Stripe has kept, its payouts, and what there is at Stripe and not in Sabor. */
function StripeBalance({ t, report, balance }: PartProps & { balance: Balance }) {
  const { currency, timeZone: zone } = report;
  const { charges, refunds, disputes, other, fees, net, paidOut, payouts, unmatched, unmatchedCount, completeSince, completeUntil } = balance;
  const isZero = (amount: string) => Number(amount) === 0;
  const facts: Fact[] = [
    [t.stripeFacts.charges, charges],
    ...(isZero(refunds) ? [] : [[t.stripeFacts.refunds, refunds] as const]),
    ...(isZero(disputes) ? [] : [[t.stripeFacts.disputes, disputes] as const]),
    ...(isZero(other) ? [] : [[t.stripeFacts.other, other] as const]),
    [t.stripeFacts.fees, fees],
    [t.stripeFacts.net, net],
    [t.stripeFacts.paidOut, paidOut],
  ];
  return (
    <>
      <Part report={report} title={t.stripe} hint={t.stripeHint(formatMomentIn(completeSince, zone), formatMomentIn(completeUntil, zone))} table="stripe">
        <Facts label={t.stripe} facts={facts} currency={currency} />
      </Part>
      {payouts.length > 0 && (
        <Part report={report} title={t.payouts} hint={t.payoutsHint} table="payouts">
          <Table caption={t.payouts} columns={payoutColumns(t, currency, payouts)} items={payouts} rowKey={({ id }) => id} />
        </Part>
      )}
      {unmatchedCount > 0 && (
        <Part report={report} title={t.unmatched} hint={t.unmatchedHint(unmatchedCount, unmatched.length)} table="unmatched_entries">
          <Table caption={t.unmatched} columns={unmatchedColumns(t, currency, unmatched)} items={unmatched} rowKey={({ id }) => id} />
        </Part>
      )}
    </>
  );
}

/** What is open today, whatever the period is. */
function Open({ t, report }: PartProps) {
  const { currency, open, passes, giftCards, credit, owed, passValue } = report;
  const refunds = open.find(({ kind }) => kind === "refund");
  const facts: Fact[] = [
    [t.openFacts.owed, owed],
    [t.openFacts.refunds, refunds?.amount ?? (0).toFixed(owed.split(".")[1]?.length ?? 0)],
    [t.openFacts.giftCards, giftCards.balance, t.giftCardCount(giftCards.count)],
    ...(Number(credit.balance) > 0 ? [[t.openFacts.credit, credit.balance, t.creditCount(credit.count)] as const] : []),
    [t.openFacts.passes, passValue, t.passCount(passes.reduce((sum, { count }) => sum + count, 0))],
  ];
  const title = t.open(longDay(report.asOf));
  return (
    <>
      <section class="figures-part" aria-label={title}>
        <header>
          <h2>{title}</h2>
        </header>
        <p class="hint">{t.openHint}</p>
        <Facts label={title} facts={facts} currency={currency} />
      </section>
      <Part report={report} title={t.openTable} table="open">
        {open.length === 0 ? <Empty text={t.openNone} /> : <Table caption={t.openTable} columns={openColumns(t, currency)} items={open} rowKey={({ kind }) => kind} />}
      </Part>
      {passes.length > 0 && (
        <Part report={report} title={t.passes} hint={t.passesHint} table="passes">
          <Table caption={t.passes} columns={passColumns(t, currency)} items={passes} rowKey={({ productId }) => productId} />
        </Part>
      )}
    </>
  );
}

function count<Item>(key: string, label: string, value: (item: Item) => number): Column<Item> {
  return { key, label, isNumber: true, cell: (item) => formatCount(value(item)) };
}

/** Formats an amount with all decimals, so that the amounts of a column stand below each other. */
function formatAmount(amount: string, currency: string): string {
  const decimals = amount.split(".")[1]?.length ?? 0;
  return new Intl.NumberFormat(language.value, { style: "currency", currency, minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(Number(amount));
}

function money<Item>(key: string, label: string, currency: string, value: (item: Item) => string): Column<Item> {
  return { key, label, isNumber: true, cell: (item) => <span class="money">{formatAmount(value(item), currency)}</span> };
}

/** A column of amounts that are mostly 0, which is not shown. Without any other amount, there is no column. */
function rareMoney<Item>(items: Item[], key: string, label: string, currency: string, value: (item: Item) => string): Array<Column<Item>> {
  const isZero = (item: Item) => Number(value(item)) === 0;
  if (items.every(isZero)) return [];
  const column = money(key, label, currency, value);
  return [{ ...column, cell: (item) => (isZero(item) ? null : column.cell(item)) }];
}

function productName(t: StaffReportsTexts, { kind, name }: Sold): string {
  return name ?? t.kinds[kind] ?? kind;
}

/** Adds two amounts of the same currency. */
function add(a: string, b: string): string {
  return (Number(a) + Number(b)).toFixed(a.split(".")[1]?.length ?? 0);
}

function productColumns(t: StaffReportsTexts, { currency, products }: Report): Array<Column<Sold>> {
  return [
    {
      key: "product",
      label: t.columns.product,
      isTitle: true,
      cell: (sold) => (
        <>
          {productName(t, sold)}
          {sold.name && <small class="hint">{t.kinds[sold.kind] ?? sold.kind}</small>}
        </>
      ),
    },
    count("count", t.columns.count, ({ count }) => count),
    ...rareMoney(products, "discount", t.columns.discount, currency, ({ discount }) => discount),
    money("amount", t.columns.amount, currency, ({ amount }) => amount),
    ...rareMoney(products, "byWallet", t.columns.byWallet, currency, ({ paidByGiftCard, paidByCredit }) => add(paidByGiftCard, paidByCredit)),
    ...rareMoney(products, "refunded", t.columns.refunded, currency, ({ refunded }) => refunded),
    ...rareMoney(products, "toWallet", t.columns.toWallet, currency, ({ refundedToGiftCard, refundedToCredit }) => add(refundedToGiftCard, refundedToCredit)),
    money("net", t.columns.net, currency, ({ net }) => net),
  ];
}

function tenderColumns(t: StaffReportsTexts, { currency, tenders }: Report): Array<Column<Schema<"SalesByTender">>> {
  return [
    { key: "tender", label: t.columns.tender, isTitle: true, cell: ({ tender }) => t.tenderNames[tender] ?? tender },
    count("payments", t.columns.payments, ({ payments }) => payments),
    money("received", t.columns.received, currency, ({ received }) => received),
    ...rareMoney(tenders, "refunded", t.columns.refunded, currency, ({ refunded }) => refunded),
    money("net", t.columns.net, currency, ({ net }) => net),
  ];
}

function periodColumns(t: StaffReportsTexts, { period, periods, currency }: Report): Array<Column<Period>> {
  const options: Intl.DateTimeFormatOptions = period === "month" ? { month: "long", year: "numeric" } : { weekday: "short", month: "short", day: "numeric", year: "numeric" };
  return [
    { key: "start", label: period === "month" ? t.columns.month : t.columns.day, isTitle: true, cell: ({ start }) => formatDay(start, options) },
    count("payments", t.columns.payments, ({ payments }) => payments),
    money("received", t.columns.received, currency, ({ received }) => received),
    ...rareMoney(periods, "refunded", t.columns.refunded, currency, ({ refunded }) => refunded),
    money("net", t.columns.net, currency, ({ net }) => net),
    ...(periods.some(({ tax }) => Number(tax) !== 0) ? [money<Period>("tax", t.columns.tax, currency, ({ tax }) => tax)] : []),
  ];
}

function taxColumns(t: StaffReportsTexts, { currency, taxes }: Report): Array<Column<Schema<"SalesTax">>> {
  const percent = (rate: string) => new Intl.NumberFormat(language.value, { style: "percent", maximumFractionDigits: 2 }).format(Number(rate) / 100);
  return [
    { key: "rate", label: t.columns.rate, isTitle: true, cell: ({ rate }) => percent(rate) },
    money("amount", t.columns.amount, currency, ({ amount }) => amount),
    money("tax", t.columns.tax, currency, ({ tax }) => tax),
    ...rareMoney(taxes, "refunded", t.columns.refunded, currency, ({ refunded }) => refunded),
    ...rareMoney(taxes, "refundedTax", t.columns.refundedTax, currency, ({ refundedTax }) => refundedTax),
    money("netTax", t.columns.netTax, currency, ({ netTax }) => netTax),
  ];
}

function promoCodeColumns(t: StaffReportsTexts, { currency, promoCodes }: Report): Array<Column<Schema<"SalesWithPromoCode">>> {
  return [
    { key: "code", label: t.columns.code, isTitle: true, cell: ({ code }) => code },
    count("orders", t.columns.orders, ({ orders }) => orders),
    ...rareMoney(promoCodes, "discount", t.columns.discount, currency, ({ discount }) => discount),
    money("amount", t.columns.amount, currency, ({ amount }) => amount),
  ];
}

function openColumns(t: StaffReportsTexts, currency: string): Array<Column<Schema<"OpenSum">>> {
  return [
    {
      key: "kind",
      label: t.columns.kind,
      isTitle: true,
      cell: ({ kind }) => {
        const name = t.openKinds[kind] ?? kind;
        return kind === "failed_refund" ? <a href="/staff/payments?status=failed_refunds">{name}</a> : name;
      },
    },
    count("number", t.columns.number, ({ count }) => count),
    money("amount", t.columns.amount, currency, ({ amount }) => amount),
  ];
}

function passColumns(t: StaffReportsTexts, currency: string): Array<Column<Schema<"OpenPasses">>> {
  return [
    { key: "product", label: t.columns.product, isTitle: true, cell: ({ name }) => name },
    count("passes", t.columns.passes, ({ count }) => count),
    { key: "creditsLeft", label: t.columns.creditsLeft, isNumber: true, cell: ({ count, unlimited, creditsLeft }) => (unlimited === count ? t.unlimited : formatCount(creditsLeft)) },
    money("value", t.columns.value, currency, ({ value }) => value),
  ];
}

function payoutColumns(t: StaffReportsTexts, currency: string, payouts: Payout[]): Array<Column<Payout>> {
  const part = (key: keyof NonNullable<Payout["parts"]>, label: string) => rareMoney(payouts, key, label, currency, ({ parts }: Payout) => parts?.[key] ?? "0");
  return [
    {
      key: "arrivesOn",
      label: t.columns.arrives,
      isTitle: true,
      cell: ({ id, arrivesOn, isAutomatic, hasFailed, parts }) => (
        <>
          {formatDay(arrivesOn, { month: "short", day: "numeric", year: "numeric" })}
          <small class="hint">{id}</small>
          {hasFailed && <small class="hint">{t.payoutFailed}</small>}
          {!parts && <small class="hint">{isAutomatic ? t.payoutUnknown : t.payoutByHand}</small>}
        </>
      ),
    },
    ...part("charges", t.columns.charges),
    ...part("refunds", t.columns.refunds),
    ...part("disputes", t.columns.disputes),
    ...part("other", t.columns.other),
    ...part("fees", t.columns.stripeFees),
    money("amount", t.columns.payout, currency, ({ amount }) => amount),
  ];
}

function unmatchedColumns(t: StaffReportsTexts, currency: string, entries: Entry[]): Array<Column<Entry>> {
  return [
    {
      key: "source",
      label: t.columns.stripeId,
      isTitle: true,
      cell: ({ id, source, stripeType }) => (
        <>
          {source ?? id}
          <small class="hint">{t.entryTypes[stripeType] ?? stripeType}</small>
        </>
      ),
    },
    { key: "day", label: t.columns.day, cell: ({ day }) => formatDay(day, { month: "short", day: "numeric", year: "numeric" }) },
    money("amount", t.columns.amount, currency, ({ amount }) => amount),
    ...rareMoney(entries, "fee", t.columns.stripeFees, currency, ({ fee }) => fee),
    money("net", t.columns.net, currency, ({ net }) => net),
  ];
}

function membershipColumns(t: StaffReportsTexts, currency: string): Array<Column<Schema<"SalesOfMemberships">>> {
  return [
    { key: "product", label: t.columns.product, isTitle: true, cell: ({ name }) => name },
    count("new", t.columns.isNew, (sums) => sums.new),
    count("ended", t.columns.ended, ({ lost }) => lost),
    {
      key: "active",
      label: t.columns.active,
      isNumber: true,
      cell: ({ active, ending }) => (
        <>
          {formatCount(active)}
          {ending > 0 && <small class="hint">{t.ending(ending)}</small>}
        </>
      ),
    },
    count("paused", t.columns.paused, ({ paused }) => paused),
    money("monthly", t.columns.monthly, currency, ({ monthlyRevenue }) => monthlyRevenue),
  ];
}

const catalog: Catalog<StaffReportsTexts> = { en: () => import("../../texts/staff-reports.en.ts"), es: () => import("../../texts/staff-reports.es.ts") };
await mountStaff({ catalog, section: "reports", Page: Reports });
