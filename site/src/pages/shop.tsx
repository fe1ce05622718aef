// What the studio sells: memberships, passes, courses, and gift cards. Memberships are started here, by card.
// The others are bought by card here, or at the studio.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Check } from "../components/form.tsx";
import { mount } from "../components/mount.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadMembership, membership } from "../passes/membership.ts";
import { loadPassPart, passPart } from "../passes/pass-part.ts";
import { isMemberExpected, loadSession, session } from "../session.ts";
import type { ShopTexts } from "../texts/shop.en.ts";
import { attempt, report } from "../tools/action.ts";
import { type Catalog, namesOf } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { formatPrice } from "../tools/time.ts";
import { BuyButton, isFree, loadPurchase } from "./shop/buy-button.tsx";
import { credit, describeSplit, type EnteredCard, loadCredit, split } from "./shop/paying.ts";
import type { LoadedCourses } from "./shop/courses.tsx";
import type { AppliedCode, ProductPrice } from "./shop/promo-code.tsx";
import "./shop.css";

type Product = Schema<"Product">;
type Texts = { t: ShopTexts };

/** What the page shows: the products, and the courses if there are any. */
interface Offer {
  products: Product[];
  courses: LoadedCourses | null;
}

/** Loads the products, the cheapest first, and with them the passes of a member, which stand above. */
async function loadShop(): Promise<Offer> {
  const products = readAllPages<Product>((query) => call(api.GET("/api/shop/products", { params: { query } })));
  const [found, courses] = await Promise.all([products, products.then(loadCoursesAmong), isMemberExpected() && loadOwnPasses()]);
  return { products: found.sort((one, other) => Number(one.price) - Number(other.price) || one.name.localeCompare(other.name)), courses };
}

/** Loads the courses, if the studio sells any. */
async function loadCoursesAmong(products: Product[]): Promise<LoadedCourses | null> {
  if (!products.some(({ kind }) => kind === "course")) return null;
  const { loadCourses } = await import("./shop/courses.tsx").catch(() => {
    throw Failure.unreachable();
  });
  return loadCourses();
}

/** Whether Stripe has redirected here, and nothing was said about it yet. */
function hasReturned(): boolean {
  return new URLSearchParams(location.search).has("payment");
}

async function loadOwnPasses(): Promise<void> {
  const member = await loadSession().catch(() => null);
  // Without it, the shop still sells.
  if (member) await Promise.all([loadPassPart(), loadMembership(), loadCredit().catch(() => credit.set(null))]);
}

function Shop({ t }: Texts) {
  const { loaded, failure, reload } = useLoad(loadShop);
  const member = useStore(session);
  const passes = useStore(passPart);
  const own = useStore(credit);
  const [applied, setApplied] = useState<AppliedCode | null>(null);
  const [card, setCard] = useState<EnteredCard | null>(null);
  const [codes, setCodes] = useState<typeof import("./shop/codes.tsx") | null>(null);
  const takesCards = useStore(studio)?.paymentMethods.includes("card") ?? false;
  // Somebody may sign in, in another window.
  useEffect(() => {
    if (member && loaded) void Promise.all([loadPassPart(), loadMembership(), loadCredit()]).catch(report);
    if (!member) credit.set(null);
  }, [member?.user.id, loaded === null]);
  useEffect(() => {
    if (!loaded) return;
    if (hasReturned()) {
      // A course that was just paid is not to be paid again.
      loadPurchase()
        .then(({ followReturn }) => followReturn(t, reload))
        .catch(report);
    }
    // A class links to its course, which was not there when the page was opened.
    const linked = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    linked?.scrollIntoView();
    linked?.focus({ preventScroll: true });
  }, [loaded]);

  // Memberships are paid by card only.
  const ofKind = (wanted: Product["kind"]) => loaded?.products.filter(({ kind }) => kind === wanted) ?? [];
  const memberships = takesCards ? ofKind("membership") : [];
  const forSale = ofKind("pass");
  const giftCards = ofKind("gift_card");
  const courses = loaded?.courses?.courses ?? [];
  const reducible = [...forSale, ...courses];
  // What was entered may be used up.
  const forget = () => {
    setApplied(null);
    setCard(null);
    loadCredit().catch(report);
  };
  const finishCourse = () => {
    forget();
    reload();
  };

  return (
    <div class="wide page shop">
      <h1>{t.title}</h1>
      <p class="lead">{takesCards ? t.lead : t.leadAtStudio}</p>
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      ) : loaded === null ? (
        <div class="products">
          <Skeleton count={6} height="18rem" />
        </div>
      ) : (
        <>
          {member && passes && <passes.MyMembership t={passes.t} />}
          {member && passes && <passes.UsablePasses t={passes.t} />}
          {memberships.length + forSale.length + giftCards.length + courses.length === 0 ? (
            <Empty text={t.none}>
              <a class="button" href="/timetable">
                {t.timetable}
              </a>
            </Empty>
          ) : (
            <>
              {memberships.length > 0 && <Memberships t={t} products={memberships} />}
              {reducible.length > 0 && (
                <details class="shop-codes" onToggle={() => attempt(async () => setCodes(await import("./shop/codes.tsx")))}>
                  <summary>{t.promo.have}</summary>
                  {codes && <codes.Codes t={t} isMember={Boolean(member)} takesCards={takesCards} products={reducible} applied={applied} card={card} onApply={setApplied} onEnter={setCard} />}
                </details>
              )}
              {own && reducible.length > 0 && <Check checked={own.isUsed} onChange={() => credit.set({ ...own, isUsed: !own.isUsed })} label={t.credit.use(formatPrice(own.balance, own.currency))} />}
              {loaded.courses && courses.length > 0 && <loaded.courses.Courses t={t} part={loaded.courses} applied={member ? applied : null} card={member ? card : null} takesCards={takesCards} onBought={finishCourse} BuyButton={BuyButton} splitPrice={split} describeSplit={describeSplit} />}
              {forSale.length > 0 && (
                <>
                  <h2>{memberships.length + courses.length > 0 ? t.passesForSale : t.forSale}</h2>
                  <ul class="plain-list products">
                    {forSale.map((product) => {
                      const reduced = (member && applied?.prices.get(product.id)) || null;
                      const code = reduced ? applied?.code : undefined;
                      const total = reduced?.total ?? product.price;
                      const paying = member && Number(total) > 0 ? card : null;
                      const isPayable = takesCards || Number(split(paying, total).rest) === 0;
                      return (
                        <li key={product.id} class="card product">
                          <ProductFacts t={t} product={product} reduced={reduced} code={code} paying={Number(total) > 0 ? describeSplit(t, paying, total, product.currency) : null} />
                          {(isFree(product) ? product.perMember !== null : isPayable) && (
                            <BuyButton t={t} product={product} total={total} code={code} giftCard={paying?.code} onBought={forget} />
                          )}
                        </li>
                      );
                    })}
                  </ul>
                </>
              )}
              {giftCards.length > 0 && (
                <>
                  <h2>{t.gift.title}</h2>
                  <p>{takesCards ? t.gift.about : t.gift.aboutAtStudio}</p>
                  <ul class="plain-list products">
                    {giftCards.map((product) => (
                      <li key={product.id} class="card product">
                        <GiftCardFacts product={product} />
                        {takesCards && <BuyButton t={t} product={product} total={product.price} />}
                      </li>
                    ))}
                  </ul>
                </>
              )}
              <How t={t} takesCards={takesCards} hasPasses={memberships.length + forSale.length > 0} />
            </>
          )}
        </>
      )}
    </div>
  );
}

function Memberships({ t, products }: Texts & { products: Product[] }) {
  const current = useStore(membership);
  const member = useStore(session);
  const isKnown = current !== undefined && current !== "failed";
  // A member has one membership at a time. One that is not paid can be replaced.
  const hasMembership = Boolean(member && isKnown && current && current.status !== "starting");
  const canStart = !member || (isKnown && !hasMembership);
  return (
    <>
      <h2>{t.memberships}</h2>
      <p class="hint">{hasMembership ? t.oneMembership : t.membershipsHint}</p>
      <ul class="plain-list products">
        {products.map((product) => (
          <li key={product.id} class="card product">
            <ProductFacts t={t} product={product} />
            {canStart && <BuyButton t={t} product={product} total={product.price} />}
          </li>
        ))}
      </ul>
    </>
  );
}

interface FactsProps extends Texts {
  product: Product;
  /** The price with a promo code. */
  reduced?: ProductPrice | null;
  code?: string | undefined;
  /** Who pays how much. */
  paying?: string | null;
}

function ProductFacts({ t, product, reduced = null, code, paying = null }: FactsProps) {
  const { name, description, price, currency, credits, every, perMember, classTypes } = product;
  const total = reduced?.total ?? price;
  return (
    <>
      <h3>{name}</h3>
      <p class="product-price">
        <strong>{formatPrice(total, currency)}</strong>
        {reduced && code && (
          <span class="product-before">
            {t.promo.before(formatPrice(price, currency))}, {t.promo.with(code)}
          </span>
        )}
        {every && <span>{t.perPeriod[every]}</span>}
        {!every && credits !== null && credits > 1 && Number(total) > 0 && <span>{t.perClass(formatPrice((Number(total) / credits).toFixed(2), currency))}</span>}
      </p>
      {paying && <p class="product-covered">{paying}</p>}
      <p class="product-right">{describeRight(t, product)}</p>
      {description && <p>{description}</p>}
      <ul class="plain-list product-limits">
        <li>{classTypes.length === 0 ? t.forAll : t.forSome(namesOf(classTypes))}</li>
        {perMember !== null && <li>{t.limit(perMember)}</li>}
      </ul>
    </>
  );
}

/** The classes of a product, and when they can be taken. */
function describeRight(t: ShopTexts, { credits, days, starts, every }: Product): string {
  const classes = credits === null ? t.unlimited : t.classes(credits);
  if (every) return credits === null ? classes : t.classesEachPeriod(credits, every);
  return starts === "purchase" ? t.fromPurchase(classes, days ?? 0) : t.fromFirstClass(classes, days ?? 0);
}

function GiftCardFacts({ product: { name, description, price, currency } }: { product: Product }) {
  return (
    <>
      <h3>{name}</h3>
      <p class="product-price">
        <strong>{formatPrice(price, currency)}</strong>
      </p>
      {description && <p>{description}</p>}
    </>
  );
}

function How({ t, takesCards, hasPasses }: Texts & { takesCards: boolean; hasPasses: boolean }) {
  const steps = [takesCards ? t.howByCard : t.howAtStudio, ...t.how];
  return (
    <section>
      {hasPasses && (
        <>
          <h2>{t.howTitle}</h2>
          <ol class="plain-list shop-steps">
            {steps.map(({ name, text }) => (
              <li key={name}>
                <h3>{name}</h3>
                <p>{text}</p>
              </li>
            ))}
          </ol>
        </>
      )}
      <p>
        {t.questions} <a href="/contact">{t.contact}</a>
      </p>
    </section>
  );
}

const catalog: Catalog<ShopTexts> = { en: () => import("../texts/shop.en.ts"), es: () => import("../texts/shop.es.ts") };
await mount(catalog, Shop);
