// The till: selling a product at the desk, and paying for a class with money or with a pass.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Field, Form, Select } from "../components/form.tsx";
import { Button, Dialog, Skeleton } from "../components/ui.tsx";
import type { ClassToPay } from "../passes/refusal.ts";
import type { TillTexts } from "../texts/till.en.ts";
import { attempt, reportSessionEnd, say } from "../tools/action.ts";
import { isOffline } from "../tools/connection.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { studioName } from "../tools/studio.ts";
import { formatPrice } from "../tools/time.ts";
import { payBooking } from "./bookings.ts";
import { useStaffTexts } from "./context.ts";
import { useCloseThis } from "./dialogs.tsx";
import { FailurePanel } from "./failure-panel.tsx";
import { Choices, useToday } from "./parts.tsx";
import { type Buyer, canPayFor, describePass, describePayment, describeProduct, discountOf, isUncertain, loadOffer, type Offer, type Order, type Pass, priceWith, type Product, type PromoCode, refusalOf, sell, type Tender } from "./shop.ts";
import "./till.css";

const TENDERS: readonly Tender[] = ["cash", "terminal", "transfer"];

interface SellProps {
  t: TillTexts;
  member: Buyer;
  onClose: () => void;
  /** Loads what is shown of the member again. */
  onChange: () => unknown;
}

/** Sells a product to a member: a tap on the product, and one on how it was paid. */
export function SellDialog({ t, member, onClose, onChange }: SellProps) {
  const [product, setProduct] = useState<Product | null>(null);
  const closeThis = useCloseThis(onClose);
  const today = useToday();
  const offer = useLoad(() => loadOffer(member.id, today), member.id);
  const finish = async ({ name }: Product) => {
    closeThis();
    await onChange();
    say(t.sold(member.name, name));
  };
  return (
    <SaleDialog title={t.sellTo(member.name)} t={t} member={member} product={product} promoCodes={offer.loaded?.promoCodes ?? []} credit={offer.loaded?.credit ?? "0"} occurrence={null} onChoose={setProduct} onClose={onClose} onSold={(_, sold) => finish(sold)} onChange={onChange}>
      <Loaded t={t} load={offer}>
        {(loaded) => <Products t={t} member={member} offer={loaded} occurrence={null} onChoose={setProduct} />}
      </Loaded>
    </SaleDialog>
  );
}

interface PayProps extends SellProps {
  bookingId: string;
  scheduledClassId: string;
  price: string;
  currency: string;
}

/** An unpaid booking: money, a pass that the member has, or one that is sold now. */
export function PayDialog({ t, member, bookingId, scheduledClassId, price, currency, onClose, onChange }: PayProps) {
  const [product, setProduct] = useState<Product | null>(null);
  const closeThis = useCloseThis(onClose);
  const today = useToday();
  const load = useLoad(async () => {
    const [offer, occurrence] = await Promise.all([loadOffer(member.id, today), call(api.GET("/api/classes/occurrence", { params: { query: { id: scheduledClassId } } }))]);
    return { ...offer, occurrence };
  }, bookingId);
  const amount = formatPrice(price, currency);

  const sentences = { lost: t.lost, unknown: t.unknownPayment };

  const settle = (action: "markPaid" | "usePass", passId?: string) =>
    attempt(async () => {
      try {
        const { pass } = await payBooking(sentences, bookingId, action, passId);
        await onChange();
        closeThis();
        if (action === "markPaid") say(t.paid(member.name, amount));
        else if (pass) say(describePayment(t, pass));
      } catch (failure) {
        if (mayBePaid(failure)) {
          closeThis();
          await onChange();
        }
        throw failure;
      }
    });
  const finish = async ({ lines }: Order, sold: Product) => {
    // The sale is made: whatever fails now, nobody should sell the pass again.
    closeThis();
    const passId = lines[0]?.passId;
    try {
      const isGood = passId && load.loaded && canPayFor(sold, load.loaded.occurrence, today);
      const pass = isGood ? (await payBooking(sentences, bookingId, "usePass", passId)).pass : null;
      await onChange();
      say(pass ? `${t.sold(member.name, sold.name)} ${describePayment(t, pass)}` : t.soldNotUsed(member.name, sold.name));
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      // The page asks to sign in, and the message still says what was sold.
      if (failure.isSignedOut) reportSessionEnd();
      else await onChange();
      const sale = mayBePaid(failure) ? t.sold : t.soldNotUsed;
      throw new Failure(`${sale(member.name, sold.name)} ${failure.message}`, { requestId: failure.requestId });
    }
  };
  return (
    <SaleDialog title={t.payTitle(member.name)} t={t} member={member} product={product} promoCodes={load.loaded?.promoCodes ?? []} credit={load.loaded?.credit ?? "0"} occurrence={load.loaded?.occurrence ?? null} onChoose={setProduct} onClose={onClose} onSold={finish} onChange={onChange}>
      <p>{t.payText(amount)}</p>
      <p class="actions">
        <Button onClick={() => settle("markPaid")}>{t.payAction(amount)}</Button>
      </p>
      <Loaded t={t} load={load}>
        {(loaded) => (
          <>
            <PassesForClass t={t} passes={loaded.passes} occurrence={loaded.occurrence} onUse={(passId) => settle("usePass", passId)} />
            <h3>{t.sellPass}</h3>
            <Products t={t} member={member} offer={loaded} occurrence={loaded.occurrence} onChoose={setProduct} />
          </>
        )}
      </Loaded>
    </SaleDialog>
  );
}

/** The codes that say that nothing is to be paid any more. */
const SETTLED = ["already_paid", "nothing_to_pay"];

/** Whether the booking may be paid, so that what is shown of it may be out of date. */
function mayBePaid(failure: unknown): boolean {
  return failure instanceof Failure && (failure.isUnanswered || SETTLED.includes(failure.code));
}

interface SaleProps {
  title: string;
  t: TillTexts;
  member: Buyer;
  /** The product that is sold. Without one, the dialog shows its children, to choose one. */
  product: Product | null;
  promoCodes: readonly PromoCode[];
  /** The credit of the member. */
  credit: string;
  /** The class that the pass is to pay for. */
  occurrence: ClassToPay | null;
  onChoose: (product: Product | null) => void;
  onClose: () => void;
  onSold: (order: Order, product: Product) => Promise<void>;
  onChange: () => unknown;
  children: ComponentChildren;
}

function SaleDialog({ title, t, member, product, promoCodes, credit, occurrence, onChoose, onClose, onSold, onChange, children }: SaleProps) {
  const staff = useStaffTexts();
  const [issued, setIssued] = useState<string | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const chosen = useRef<Product | null>(null);
  useEffect(() => {
    // "Back" is gone. The focus returns to what was chosen.
    if (!product) place.current?.querySelector<HTMLElement>(`[data-key="${chosen.current?.id}"]`)?.focus();
    chosen.current = product;
  }, [product]);
  const sellTitle = product?.kind === "gift_card" ? t.sellGiftCardTo : product?.kind === "course" ? t.sellCourseTo : t.sellPassTo;
  return (
    <Dialog title={product ? sellTitle(member.name) : title} isOpen onClose={onClose}>
      <div class="sale" ref={place}>{product && issued ? <IssuedCode t={t} product={product} code={issued} /> : product ? <Tenders t={t} member={member} product={product} promoCodes={promoCodes} credit={credit} occurrence={occurrence} onClose={onClose} onSold={onSold} onIssued={setIssued} onChange={onChange} /> : children}</div>
      <p class="actions">
        {product && !issued && (
          <Button kind="quiet" onClick={() => onChoose(null)}>
            {t.back}
          </Button>
        )}
        <Button kind="quiet" autofocus onClick={onClose}>
          {staff.close}
        </Button>
      </p>
    </Dialog>
  );
}

/** A gift card that pays for a sale. */
interface PayingCard {
  code: string;
  balance: string;
}

/** Asks for the code of the gift card that pays. */
function GiftCardField({ t, onFound }: { t: TillTexts; onFound: (card: PayingCard) => void }) {
  const place = useRef<HTMLDivElement>(null);
  // The button that led here is gone.
  useEffect(() => place.current?.querySelector("input")?.focus(), []);
  return (
    <div class="gift-card" ref={place}>
      <Form
        onSend={async (values) => {
          const code = values.text("giftCard");
          const { balance } = await call(api.POST("/api/shop/gift-card", { body: { code } }));
          onFound({ code, balance });
        }}
      >
        <Field name="giftCard" label={t.giftCard} hint={t.giftCardHint} required autoComplete="off" autoCapitalize="none" spellcheck={false} maxLength={50} />
        <p class="actions">
          <Button type="submit" kind="quiet" size="small">
            {t.checkGiftCard}
          </Button>
        </p>
      </Form>
    </div>
  );
}

/** The code of a gift card that was sold, which is shown once. */
function IssuedCode({ t, product: { name, price, currency }, code }: { t: TillTexts; product: Product; code: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), []);
  return (
    <>
      <p>{t.giftCardCode}</p>
      <div class="issued-card" ref={place} tabIndex={-1}>
        <p>{studioName()}</p>
        <p>{t.nameAndPrice(name, formatPrice(price, currency))}</p>
        <p class="issued-code">{code}</p>
      </div>
      <p class="actions">
        <Button
          onClick={() =>
            attempt(async () => {
              await navigator.clipboard.writeText(code);
              say(t.isCopied);
            })
          }
        >
          {t.copyCode}
        </Button>
        <Button kind="soft" onClick={() => print()}>
          {t.print}
        </Button>
      </p>
    </>
  );
}

interface TendersProps extends Omit<SaleProps, "product" | "title" | "onChoose" | "children"> {
  product: Product;
  /** Called with the code of the gift card that is sold. */
  onIssued: (code: string) => void;
}

/** How a product was paid. A tap records the sale. */
function Tenders({ t, member, product, promoCodes, credit, occurrence, onClose, onSold, onIssued, onChange }: TendersProps) {
  const isDisconnected = useStore(isOffline);
  const today = useToday();
  const what = useRef<HTMLParagraphElement>(null);
  // The button that led here is gone. A second press of Enter must not sell anything.
  useEffect(() => what.current?.focus(), []);
  const [code, setCode] = useState<PromoCode | null>(null);
  const [card, setCard] = useState<PayingCard | null>(null);
  const [isAskingCard, setAskingCard] = useState(false);
  const [usesCredit, setUsesCredit] = useState(false);
  const total = priceWith(code, product);
  const decimals = total.split(".")[1]?.length ?? 0;
  const byCredit = Math.min(usesCredit ? Number(credit) : 0, Number(total)).toFixed(decimals);
  const covered = Math.min(Number(card?.balance ?? 0), Number(total) - Number(byCredit)).toFixed(decimals);
  const due = (Number(total) - Number(byCredit) - Number(covered)).toFixed(decimals);
  const isPass = product.kind === "pass";
  const codes = promoCodes.filter(({ appliesTo }) => appliesTo.includes(product.kind));
  const price = formatPrice(due, product.currency);
  const closeThis = useCloseThis(onClose);
  const isFree = Number(total) === 0;
  const isCovered = !isFree && Number(due) === 0;
  const take = (event: Event, tender: Tender) => {
    // The second tap of a double tap on the product is not meant for what is in its place now.
    if (event instanceof UIEvent && event.detail > 1) return undefined;
    return attempt(async () => {
      const order = await sell(t, member.id, product.id, tender, {
        ...(code ? { promoCode: code.code } : {}),
        ...(Number(byCredit) > 0 ? { credit: byCredit } : {}),
        ...(card && Number(covered) > 0 ? { giftCard: { code: card.code, amount: covered } } : {}),
      }).catch(async (failure: unknown) => {
        if (isUncertain(failure)) {
          closeThis();
          await onChange();
        }
        throw failure;
      });
      if (order.giftCardCode) {
        onIssued(order.giftCardCode);
        await onChange();
        return;
      }
      await onSold(order, product);
    });
  };
  return (
    <>
      <p class="sale-product" ref={what} tabIndex={-1}>
        <strong>{t.nameAndPrice(product.name, formatPrice(product.price, product.currency))}</strong> · {describeProduct(t, product)}
        {product.classTypes.length > 0 && ` · ${t.onlyFor(product.classTypes.map(({ name }) => name).join(", "))}`}
      </p>
      {isPass && (
        <p class="hint">
          {product.starts === "purchase" ? t.startsToday : t.startsWithClass} {occurrence && (canPayFor(product, occurrence, today) ? t.paysForClass : t.paysNotForClass)}
        </p>
      )}
      {codes.length > 0 && Number(product.price) > 0 && (
        <Select
          name="promoCode"
          label={t.promoCode}
          onChange={(chosen) => setCode(codes.find((one) => one.code === chosen) ?? null)}
          options={[["", t.noPromoCode], ...codes.map((one) => [one.code, t.codeAndDiscount(one.code, formatPrice(discountOf(one, product), product.currency))] as const)]}
        />
      )}
      {isAskingCard && !card && <GiftCardField t={t} onFound={setCard} />}
      <p class="sale-due" role="status">
        {Number(byCredit) > 0 && `${t.creditPays(formatPrice(byCredit, product.currency))} `}
        {card && t.giftCardPays(formatPrice(covered, product.currency), formatPrice((Number(card.balance) - Number(covered)).toFixed(decimals), product.currency))} {isFree ? t.isFree : !isCovered && t.howPaid(price)}
      </p>
      {isDisconnected && <p role="status">{t.offline}</p>}
      <div class="tenders" role="group" aria-label={t.tender}>
        {(isFree || isCovered ? TENDERS.slice(0, 1) : TENDERS).map((tender) => (
          <Button key={tender} kind="soft" disabled={isDisconnected} onClick={(event) => take(event, tender)}>
            {isFree ? t.give : isCovered ? (card ? t.payWithGiftCard : t.payWithCredit) : t.tenders[tender]}
          </Button>
        ))}
        {product.kind !== "gift_card" && !isFree && !usesCredit && Number(credit) > 0 && (
          <Button kind="soft" disabled={isDisconnected} onClick={() => setUsesCredit(true)}>
            {t.useCredit(formatPrice(credit, product.currency))}
          </Button>
        )}
        {product.kind !== "gift_card" && !isFree && !isAskingCard && (
          <Button kind="soft" disabled={isDisconnected} onClick={() => setAskingCard(true)}>
            {t.giftCard}
          </Button>
        )}
      </div>
    </>
  );
}

interface LoadedProps<T> {
  t: TillTexts;
  load: { loaded: T | null; failure: Failure | null; reload: () => void };
  children: (loaded: T) => ComponentChildren;
}

/** What is loaded for a sale. Without a connection, nothing can be sold. */
function Loaded<T>({ t, load: { loaded, failure, reload }, children }: LoadedProps<T>) {
  const isDisconnected = useStore(isOffline);
  if (isDisconnected) return <p role="status">{t.offline}</p>;
  if (failure) return <FailurePanel text={t.offerFailed} failure={failure} onRetry={reload} />;
  if (!loaded) return <Skeleton count={4} height="3rem" />;
  return <>{children(loaded)}</>;
}

/** The passes that can pay for a class, and why the others cannot. */
function PassesForClass({ t, passes, occurrence, onUse }: { t: TillTexts; passes: Pass[]; occurrence: ClassToPay; onUse: (id: string) => unknown }) {
  const today = useToday();
  const all = passes.map((pass) => ({ pass, refusal: refusalOf(t, pass, occurrence, today) }));
  const usable = all.filter(({ refusal }) => refusal === null).sort(({ pass: one }, { pass: other }) => (one.lastDay ?? "9").localeCompare(other.lastDay ?? "9"));
  // A membership has a pass for each period.
  const refusals = [...new Set(all.flatMap(({ pass, refusal }) => (refusal ? [t.cannotPay(pass.name, refusal)] : [])))];
  if (usable.length + refusals.length === 0) return null;
  return (
    <section class="own-passes">
      <h3>{t.usePass}</h3>
      {usable.length > 0 && (
        <Choices label={t.usePass} choices={usable.map(({ pass }) => ({ key: pass.id, text: t.use(pass.name), hint: describePass(t, pass), onChoose: () => onUse(pass.id) }))} />
      )}
      {refusals.length > 0 && (
        <ul class="plain-list refusals">
          {refusals.map((refusal) => (
            <li key={refusal}>{refusal}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface ProductsProps {
  t: TillTexts;
  member: Buyer;
  offer: Offer;
  occurrence: ClassToPay | null;
  onChoose: (product: Product) => void;
}

/** What can be sold. First what the member can buy, and what pays for the class. */
function Products({ t, member, offer: { products, passes }, occurrence, onChoose }: ProductsProps) {
  const today = useToday();
  // A gift card pays for no class.
  const sold = occurrence ? products.filter(({ kind }) => kind === "pass") : products;
  if (sold.length === 0) return <p class="hint">{t.noProducts}</p>;
  const offered = sold.map((product) => {
    const { id, perMember } = product;
    const hasReachedLimit = perMember !== null && passes.filter(({ productId, isRevoked }) => productId === id && !isRevoked).length >= perMember;
    const isForClass = !occurrence || canPayFor(product, occurrence, today);
    const isFull = product.course?.placesLeft === 0;
    return { product, hasReachedLimit, isForClass, isFull, rank: hasReachedLimit ? 2 : isFull || !isForClass ? 1 : 0 };
  });
  return (
    <Choices
      label={t.choose}
      choices={offered
        .sort((one, other) => one.rank - other.rank)
        .map(({ product, hasReachedLimit, isForClass, isFull }) => ({
          key: product.id,
          text: t.nameAndPrice(product.name, formatPrice(product.price, product.currency)),
          hint: [describeProduct(t, product), hasReachedLimit ? t.limitReached(member.name) : isFull ? t.full : isForClass ? "" : t.notForClass].filter(Boolean).join(" · "),
          // The member may hold the last spot.
          isDisabled: hasReachedLimit,
          onChoose: () => onChoose(product),
        }))}
    />
  );
}
