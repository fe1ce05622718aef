// Courses in the shop. It is loaded when the studio sells a course.

import type { ComponentType } from "preact";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Button } from "../../components/ui.tsx";
import { dueOf, goOnPaying, loadOrder, type Order } from "../../open-order.ts";
import type { ShopTexts } from "../../texts/shop.en.ts";
import type { CoursesTexts } from "../../texts/courses.en.ts";
import { attempt } from "../../tools/action.ts";
import { type Catalog, language, loadTexts, namesOf } from "../../tools/language.ts";
import { isMemberExpected } from "../../session.ts";
import { formatDay, formatPrice, formatTime, formatTimeIn } from "../../tools/time.ts";
import type { BuyProps } from "./buy-button.tsx";
import type { describeSplit, EnteredCard, split } from "./paying.ts";
import type { AppliedCode } from "./promo-code.tsx";
import "./courses.css";

type Course = Schema<"Course">;
type CourseClass = Course["classes"][number];

/** The courses with their sentences in the current language, and what shows them. */
export interface LoadedCourses {
  t: CoursesTexts;
  courses: Course[];
  own: OwnCourses;
  Courses: typeof Courses;
}

/** The member's courses by their ids. */
interface OwnCourses {
  /** Those that are paid, also if the member has given up all spots and can take them again. */
  paid: ReadonlySet<string>;
  /** The orders of those whose spots are held until they are paid. */
  unpaid: ReadonlyMap<string, Order>;
}

const NO_COURSES: OwnCourses = { paid: new Set(), unpaid: new Map() };

const catalog: Catalog<CoursesTexts> = { en: () => import("../../texts/courses.en.ts"), es: () => import("../../texts/courses.es.ts") };

/** Loads the courses, the one that begins first at the top. */
export async function loadCourses(): Promise<LoadedCourses> {
  const [t, courses, own] = await Promise.all([
    loadTexts(catalog, language.value).catch(() => {
      throw Failure.unreachable();
    }),
    readAllPages<Course>((query) => call(api.GET("/api/shop/courses", { params: { query } }))),
    // Without them, the shop still sells.
    isMemberExpected() ? loadOwn().catch(() => NO_COURSES) : NO_COURSES,
  ]);
  const start = ({ classes }: Course) => classes[0]?.startTime ?? "";
  return { t, courses: courses.sort((one, other) => start(one).localeCompare(start(other))), own, Courses };
}

async function loadOwn(): Promise<OwnCourses> {
  const bookings = await readAllPages<Schema<"Booking">>((query) => call(api.GET("/api/bookings/list", { params: { query: { ...query, when: "upcoming" } } })));
  const held = bookings.filter(({ course, status }) => status !== "cancelled" || course?.canBeTakenAgain);
  const courses = held.flatMap(({ course }) => course ?? []);
  const unpaid = new Map(courses.filter(({ isPaid }) => !isPaid).map(({ courseId, orderId }) => [courseId, orderId]));
  const orders = await Promise.all([...unpaid].map(async ([courseId, orderId]) => [courseId, await loadOrder(orderId)] as const));
  return { paid: new Set(courses.filter(({ isPaid }) => isPaid).map(({ courseId }) => courseId)), unpaid: new Map(orders) };
}

interface Props {
  t: ShopTexts;
  part: LoadedCourses;
  /** The promo code and the gift card that the member has entered. */
  applied: AppliedCode | null;
  card: EnteredCard | null;
  takesCards: boolean;
  onBought: () => void;
  BuyButton: ComponentType<BuyProps>;
  /** The page has it already, so that it is not a script of its own. */
  splitPrice: typeof split;
  describeSplit: typeof describeSplit;
}

export function Courses({ t, part, applied, card, takesCards, onBought, BuyButton, splitPrice, describeSplit: describe }: Props) {
  return (
    <>
      <h2>{part.t.title}</h2>
      <p class="hint">{part.t.hint}</p>
      <ul class="plain-list products">
        {part.courses.map((course) => {
          const order = part.own.unpaid.get(course.id);
          if (order?.checkoutUrl) return <UnpaidCourse key={course.id} t={part.t} shop={t} course={course} order={order} onChange={onBought} />;
          const reduced = applied?.prices.get(course.id);
          const code = reduced && applied?.code;
          const total = reduced?.total ?? course.priceNow;
          const paying = Number(total) > 0 ? card : null;
          const { rest } = splitPrice(paying, total);
          const payers = Number(total) > 0 ? describe(t, paying, total, course.currency) : null;
          const isPayable = takesCards || Number(rest) === 0;
          return (
            <li key={course.id} id={anchorOf(course)} tabIndex={-1} class="card product">
              <CourseFacts t={part.t} shop={t} course={course} total={total} code={code} />
              {payers && <p class="product-covered">{payers}</p>}
              {part.own.paid.has(course.id) ? (
                <p class="hint">{part.t.owned}</p>
              ) : (
                // Who holds the last spot can pay for it, also if the payment page has to be made again.
                (order || course.placesLeft > 0) &&
                (isPayable ? (
                  <BuyButton t={t} product={course} total={total} code={code} giftCard={paying?.code} onBought={onBought} />
                ) : (
                  <p class="hint">{part.t.atStudio}</p>
                ))
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** The id of the element that shows a course. Classes link to it. */
function anchorOf({ id }: Course): string {
  return `course-${id}`;
}

interface UnpaidProps {
  t: CoursesTexts;
  shop: ShopTexts;
  course: Course;
  order: Order;
  onChange: () => void;
}

/** A course that the member has ordered and not paid. It is paid as it was ordered, with the promo code, the credit, and the gift card of the order. */
function UnpaidCourse({ t, shop, course, order, onChange }: UnpaidProps) {
  const { id, total, creditAmount, giftCardAmount, promoCode, currency } = order;
  const goOn = async () => {
    const ended = await goOnPaying(id);
    if (!ended) return;
    await (await import("./purchase.ts")).showEnd(shop, ended);
    onChange();
  };
  return (
    <li id={anchorOf(course)} tabIndex={-1} class="card product">
      <CourseFacts t={t} shop={shop} course={course} total={total} code={promoCode ?? undefined} />
      {(Number(giftCardAmount) > 0 || Number(creditAmount) > 0) && (
        <p class="product-covered">
          {Number(creditAmount) > 0 && `${shop.credit.pays(formatPrice(creditAmount, currency))} `}
          {Number(giftCardAmount) > 0 && `${shop.credit.card(formatPrice(giftCardAmount, currency))} `}
          {shop.credit.rest(formatPrice(dueOf(order), currency))}
        </p>
      )}
      <p class="hint">{t.unpaid}</p>
      <span class="product-buy">
        <Button aria-label={t.goOnNamed(course.name)} onClick={() => attempt(goOn)}>
          {t.goOn}
        </Button>
      </span>
    </li>
  );
}

interface FactsProps {
  t: CoursesTexts;
  shop: ShopTexts;
  course: Course;
  /** What the member pays. */
  total: string;
  /** The promo code. */
  code: string | undefined;
}

function CourseFacts({ t, shop, course, total, code }: FactsProps) {
  const { name, description, price, priceNow, currency, classes, classesLeft, placesLeft, dropIn } = course;
  const planned = classes.filter(({ isCancelled }) => !isCancelled);
  const first = planned[0];
  const last = planned.at(-1);
  const isReduced = priceNow !== price;
  return (
    <>
      <h3>{name}</h3>
      <p class="product-price">
        <strong>{formatPrice(total, currency)}</strong>
        {total !== price && <span class="product-before">{[shop.promo.before(formatPrice(price, currency)), ...(code ? [shop.promo.with(code)] : [])].join(", ")}</span>}
      </p>
      {first && last && (
        <p class="product-right">
          {timesOf(t, planned).map((text) => (
            <span key={text} class="course-time">
              {text}
            </span>
          ))}
          <span class="course-time">{t.fromTo(dayText(first), dayText(last))}</span>
        </p>
      )}
      <p>
        {[t.count(planned.length), ...(isReduced ? [t.left(classesLeft)] : []), t.with(namesOf(teachers(planned)))].join(", ")}
        {isReduced && <> {t.reduced}</>}
      </p>
      {description && <p>{description}</p>}
      <details class="course-dates">
        <summary aria-label={t.datesOf(name)}>{t.dates}</summary>
        <ul class="plain-list">
          {classes.map((one) => (
            <li key={one.id}>
              <time dateTime={one.startTime}>
                {dayText(one)}, {timesText(one)} · {one.room}
              </time>
              {one.isCancelled && ` (${t.cancelled})`}
            </li>
          ))}
        </ul>
      </details>
      <ul class="plain-list product-limits">
        <li>{placesLeft > 0 ? t.spots(placesLeft) : t.full}</li>
        {dropIn && <li>{t.dropIn}</li>}
      </ul>
    </>
  );
}

function dayText({ localDate }: CourseClass): string {
  return formatDay(localDate, { weekday: "short", month: "short", day: "numeric" });
}

function teachers(classes: readonly CourseClass[]): Array<{ name: string }> {
  return [...new Set(classes.map(({ instructor }) => instructor))].map((name) => ({ name }));
}

/** When a class begins and ends, at the studio. */
function timesText({ localTime, endTime, timeZone }: CourseClass): string {
  return `${formatTime(localTime)}–${formatTimeIn(endTime, timeZone)}`;
}

/** When and where the classes take place: those that repeat by their weekday, and the others by their date. */
function timesOf(t: CoursesTexts, classes: readonly CourseClass[]): string[] {
  const weeklyText = (one: CourseClass) => `${t.weekly(formatDay(one.localDate, { weekday: "long" }), timesText(one))} · ${one.room}`;
  const repeats = (text: string) => classes.filter((one) => weeklyText(one) === text).length > 1;
  const texts = classes.map((one) => (repeats(weeklyText(one)) ? weeklyText(one) : `${dayText(one)}, ${timesText(one)} · ${one.room}`));
  return [...new Set(texts)];
}
