// A member's receipts, and one of them as a page to print.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { mount } from "../components/mount.tsx";
import { Button, Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadSession, session, signInAddress } from "../session.ts";
import type { ReceiptsTexts } from "../texts/receipts.en.ts";
import { attempt } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { dayOf, formatDay, formatMomentIn, formatPrice } from "../tools/time.ts";
import "./receipts.css";

type Receipt = Schema<"Receipt">;
type Texts = { t: ReceiptsTexts };

/** The number of the receipt to show. Null: all. */
const wanted = new URLSearchParams(location.search).get("number");

interface Loaded {
  items: Receipt[];
  nextCursor: string | null;
}

async function load(cursor?: string): Promise<Loaded> {
  if (!(await loadSession())) return { items: [], nextCursor: null };
  const query = { limit: 50, ...(wanted ? { number: wanted } : {}), ...(cursor ? { cursor } : {}) };
  try {
    const { items, nextCursor } = await call(api.GET("/api/shop/receipts", { params: { query } }));
    return { items, nextCursor: nextCursor ?? null };
  } catch (failure) {
    if (failure instanceof Failure && failure.code === "not_found") return { items: [], nextCursor: null };
    throw failure;
  }
}

function Receipts({ t }: Texts) {
  const current = useStore(session);
  const { loaded, failure, reload } = useLoad(() => load());
  if (loaded && current === null) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.signInTitle}</h1>
        <p class="lead">{t.signInText}</p>
        <p class="actions">
          <a class="button" href={signInAddress()}>
            {t.signIn}
          </a>
        </p>
      </div>
    );
  }
  const [only] = loaded?.items ?? [];
  return (
    <div class="reading page receipts">
      {failure ? (
        <>
          <h1 class="page-title">{t.title}</h1>
          <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
        </>
      ) : loaded && wanted && only ? (
        <ReceiptPage t={t} receipt={only} />
      ) : (
        <>
          <h1 class="page-title">{t.title}</h1>
          <p class="lead">{wanted && loaded ? t.missing : t.lead}</p>
          {!loaded ? <Skeleton count={4} height="4rem" /> : wanted ? <Back t={t} /> : <ReceiptList t={t} first={loaded} />}
        </>
      )}
    </div>
  );
}

function Back({ t }: Texts) {
  return (
    <p class="no-print">
      <a href="/receipts">{t.all}</a>
    </p>
  );
}

function ReceiptList({ t, first }: Texts & { first: Loaded }) {
  const [{ items, nextCursor }, setPage] = useState(first);
  const more = () =>
    attempt(async () => {
      const next = await load(nextCursor ?? undefined);
      setPage({ items: [...items, ...next.items], nextCursor: next.nextCursor });
    });
  if (items.length === 0) return <Empty text={t.none} />;
  return (
    <>
      <ul class="plain-list receipt-list">
        {items.map((receipt) => (
          <li key={receipt.id}>
            <a href={`/receipts?number=${receipt.number}`}>
              <span>
                <strong>{receipt.lines.map((line) => line.description).join(", ")}</strong>
                <span class="hint">
                  {day(receipt)} · <span class="receipt-unbroken">{t.receipt(receipt.number)}</span>
                </span>
              </span>
              <span class="receipt-unbroken">{formatPrice(receipt.total, receipt.currency)}</span>
            </a>
          </li>
        ))}
      </ul>
      {nextCursor && (
        <p class="actions">
          <Button kind="quiet" size="small" onClick={more}>
            {t.more}
          </Button>
        </p>
      )}
    </>
  );
}

function day({ issuedAt }: Receipt): string {
  return formatDay(dayOf(new Date(issuedAt)), { year: "numeric", month: "long", day: "numeric" });
}

/** One receipt, as it is printed. */
function ReceiptPage({ t, receipt }: Texts & { receipt: Receipt }) {
  const seller = useStore(studio);
  const price = (amount: string) => formatPrice(amount, receipt.currency);
  const hasTax = Number(receipt.tax) > 0;
  const address = seller?.address;
  return (
    <>
      <Back t={t} />
      <article class="card receipt">
        <header>
          <h1>{t.receipt(receipt.number)}</h1>
          <address>
            <strong>{seller?.name}</strong>
            {address && (
              <>
                <br />
                {address.street}
                <br />
                {[address.city, address.region, address.postalCode].filter(Boolean).join(", ")}
              </>
            )}
            {seller?.taxNumber && (
              <>
                <br />
                {t.taxNumber(seller.taxNumber)}
              </>
            )}
          </address>
        </header>
        <dl>
          <dt>{t.issued}</dt>
          <dd>{day(receipt)}</dd>
          {receipt.buyer && (
            <>
              <dt>{t.buyer}</dt>
              <dd>{receipt.buyer}</dd>
            </>
          )}
        </dl>
        <table>
          <thead>
            <tr>
              <th scope="col">{t.item}</th>
              {hasTax && (
                <th scope="col" class="number">
                  {t.tax}
                </th>
              )}
              <th scope="col" class="number">
                {t.amount}
              </th>
            </tr>
          </thead>
          <tbody>
            {receipt.lines.map((line, index) => (
              <tr key={index}>
                <td>
                  {line.description}
                  <small class="hint">{[t.kinds[line.kind], line.classStart && formatMomentIn(line.classStart, seller?.timeZone)].filter(Boolean).join(" · ")}</small>
                </td>
                {hasTax && <td class="number">{`${line.taxRate}%`}</td>}
                <td class="number">{price(line.amount)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <Sum name={t.total} isTotal amount={price(receipt.total)} columns={hasTax ? 2 : 1} />
            {hasTax && <Sum name={t.includedTax} amount={price(receipt.tax)} columns={2} />}
            {receipt.payments.map(({ tender, amount }, index) => (
              <Sum key={index} name={`${t.paid} · ${t.tenders[tender] ?? tender}`} amount={price(amount)} columns={hasTax ? 2 : 1} />
            ))}
            {Number(receipt.refunded) > 0 && (
              <Sum name={hasTax ? `${t.refunded} (${t.refundedTax(price(receipt.refundedTax))})` : t.refunded} amount={`−${price(receipt.refunded)}`} columns={hasTax ? 2 : 1} />
            )}
          </tfoot>
        </table>
      </article>
      <p class="actions no-print">
        <Button kind="plain" onClick={() => print()}>
          {t.print}
        </Button>
      </p>
    </>
  );
}

function Sum({ name, amount, columns, isTotal = false }: { name: string; amount: string; columns: number; isTotal?: boolean }) {
  return (
    <tr class={isTotal ? "total" : undefined}>
      <th scope="row" colSpan={columns}>
        {name}
      </th>
      <td class="number">{amount}</td>
    </tr>
  );
}

const catalog: Catalog<ReceiptsTexts> = { en: () => import("../texts/receipts.en.ts"), es: () => import("../texts/receipts.es.ts") };
await mount(catalog, Receipts);
