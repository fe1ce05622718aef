// The till: selling a pass at the desk, and paying for a class with money or with a pass.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Select } from "../components/form.tsx";
import { Button, Dialog, Skeleton } from "../components/ui.tsx";
import type { ClassToPay } from "../passes/refusal.ts";
import type { TillTexts } from "../texts/till.en.ts";
import { attempt, reportSessionEnd, say } from "../tools/action.ts";
import { isOffline } from "../tools/connection.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
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

/** Sells a pass to a member: a tap on the pass, and one on how it was paid. */
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
    <SaleDialog title={t.sellTo(member.name)} t={t} member={member} product={product} promoCodes={offer.loaded?.promoCodes ?? []} occurrence={null} onChoose={setProduct} onClose={onClose} onSold={(_, sold) => finish(sold)} onChange={onChange}>
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
    <SaleDialog title={t.payTitle(member.name)} t={t} member={member} product={product} promoCodes={load.loaded?.promoCodes ?? []} occurrence={load.loaded?.occurrence ?? null} onChoose={setProduct} onClose={onClose} onSold={finish} onChange={onChange}>
      <p>{t.payText(amount)}</p>
      <p class="actions">
        <Button onClick={() => settle("markPaid")}>{t.payAction(amount)}</Button>
      </p>
      <Loaded t={t} load={load}>
        {(loaded) => (
          <>
            <PassesForClass t={t} passes={loaded.passes} occurrence={loaded.occurrence} onUse={(passId) => settle("usePass", passId)} />
            <h3>{t.sell}</h3>
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
  /** The class that the pass is to pay for. */
  occurrence: ClassToPay | null;
  onChoose: (product: Product | null) => void;
  onClose: () => void;
  onSold: (order: Order, product: Product) => Promise<void>;
  onChange: () => unknown;
  children: ComponentChildren;
}

function SaleDialog({ title, t, member, product, promoCodes, occurrence, onChoose, onClose, onSold, onChange, children }: SaleProps) {
  const staff = useStaffTexts();
  const place = useRef<HTMLDivElement>(null);
  const chosen = useRef<Product | null>(null);
  useEffect(() => {
    // "Back" is gone. The focus returns to what was chosen.
    if (!product) place.current?.querySelector<HTMLElement>(`[data-key="${chosen.current?.id}"]`)?.focus();
    chosen.current = product;
  }, [product]);
  return (
    <Dialog title={product ? t.sellTo(member.name) : title} isOpen onClose={onClose}>
      <div class="sale" ref={place}>{product ? <Tenders t={t} member={member} product={product} promoCodes={promoCodes} occurrence={occurrence} onClose={onClose} onSold={onSold} onChange={onChange} /> : children}</div>
      <p class="actions">
        {product && (
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

/** How a product was paid. A tap records the sale. */
function Tenders({ t, member, product, promoCodes, occurrence, onClose, onSold, onChange }: Omit<SaleProps, "product" | "title" | "onChoose" | "children"> & { product: Product }) {
  const isDisconnected = useStore(isOffline);
  const today = useToday();
  const what = useRef<HTMLParagraphElement>(null);
  // The button that led here is gone. A second press of Enter must not sell anything.
  useEffect(() => what.current?.focus(), []);
  const [code, setCode] = useState<PromoCode | null>(null);
  const due = priceWith(code, product);
  const price = formatPrice(due, product.currency);
  const closeThis = useCloseThis(onClose);
  const isFree = Number(due) === 0;
  const take = (event: Event, tender: Tender) => {
    // The second tap of a double tap on the product is not meant for what is in its place now.
    if (event instanceof UIEvent && event.detail > 1) return undefined;
    return attempt(async () => {
      const order = await sell(t, member.id, product.id, tender, code?.code).catch(async (failure: unknown) => {
        if (isUncertain(failure)) {
          closeThis();
          await onChange();
        }
        throw failure;
      });
      await onSold(order, product);
    });
  };
  return (
    <>
      <p class="sale-product" ref={what} tabIndex={-1}>
        <strong>{t.nameAndPrice(product.name, formatPrice(product.price, product.currency))}</strong> · {describeProduct(t, product)}
        {product.classTypes.length > 0 && ` · ${t.onlyFor(product.classTypes.map(({ name }) => name).join(", "))}`}
      </p>
      <p class="hint">
        {product.starts === "purchase" ? t.startsToday : t.startsWithClass} {occurrence && (canPayFor(product, occurrence, today) ? t.paysForClass : t.paysNotForClass)}
      </p>
      {promoCodes.length > 0 && Number(product.price) > 0 && (
        <Select
          name="promoCode"
          label={t.promoCode}
          onChange={(chosen) => setCode(promoCodes.find((one) => one.code === chosen) ?? null)}
          options={[["", t.noPromoCode], ...promoCodes.map((one) => [one.code, t.codeAndDiscount(one.code, formatPrice(discountOf(one, product), product.currency))] as const)]}
        />
      )}
      <p role="status">{isFree ? t.isFree : t.howPaid(price)}</p>
      {isDisconnected && <p role="status">{t.offline}</p>}
      <div class="tenders" role="group" aria-label={t.tender}>
        {(isFree ? TENDERS.slice(0, 1) : TENDERS).map((tender) => (
          <Button key={tender} kind="soft" disabled={isDisconnected} onClick={(event) => take(event, tender)}>
            {isFree ? t.give : t.tenders[tender]}
          </Button>
        ))}
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
  const refused = all.filter(({ refusal }) => refusal);
  if (usable.length + refused.length === 0) return null;
  return (
    <section class="own-passes">
      <h3>{t.usePass}</h3>
      {usable.length > 0 && (
        <Choices label={t.usePass} choices={usable.map(({ pass }) => ({ key: pass.id, text: t.use(pass.name), hint: describePass(t, pass), onChoose: () => onUse(pass.id) }))} />
      )}
      {refused.length > 0 && (
        <ul class="plain-list refusals">
          {refused.map(({ pass, refusal }) => (
            <li key={pass.id}>{t.cannotPay(pass.name, refusal ?? "")}</li>
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
  if (products.length === 0) return <p class="hint">{t.noProducts}</p>;
  const offered = products.map((product) => {
    const { id, perMember } = product;
    const hasReachedLimit = perMember !== null && passes.filter(({ productId, isRevoked }) => productId === id && !isRevoked).length >= perMember;
    const isForClass = !occurrence || canPayFor(product, occurrence, today);
    return { product, hasReachedLimit, isForClass, rank: hasReachedLimit ? 2 : isForClass ? 0 : 1 };
  });
  return (
    <Choices
      label={t.choose}
      choices={offered
        .sort((one, other) => one.rank - other.rank)
        .map(({ product, hasReachedLimit, isForClass }) => ({
          key: product.id,
          text: t.nameAndPrice(product.name, formatPrice(product.price, product.currency)),
          hint: [describeProduct(t, product), hasReachedLimit ? t.limitReached(member.name) : isForClass ? "" : t.notForClass].filter(Boolean).join(" · "),
          isDisabled: hasReachedLimit,
          onChoose: () => onChoose(product),
        }))}
    />
  );
}
