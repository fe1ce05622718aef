// What can pay for a class, to choose from.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { book, whenOf } from "../classes/actions.ts";
import { useKeptFocus } from "../classes/card.tsx";
import { bookings, type Occurrence } from "../classes/live.ts";
import { Button, Dialog, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { session } from "../session.ts";
import type { ClassTexts } from "../texts/classes.en.ts";
import type { PassesTexts } from "../texts/passes.en.ts";
import { namesOf } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { formatPrice } from "../tools/time.ts";
import { dayText, type Pass, passes, usable } from "./passes.ts";
import { refusalOf } from "./refusal.ts";
import "./ways.css";

type Cover = Schema<"Cover">;

interface Props {
  t: PassesTexts;
  classTexts: ClassTexts;
  occurrence: Occurrence;
  /** Whether the page is about this class. It then says what pays. */
  isMain?: boolean;
}

/** Lets the member choose what pays. Without passes there is nothing to choose. */
export function Ways(props: Props) {
  const { t, classTexts, occurrence, isMain = false } = props;
  const [isOpen, setOpen] = useState(false);
  const all = useStore(passes);
  const own = all === null || all === "failed" ? [] : usable(all);
  // The dialog stays although its passes may be used up meanwhile, but not when the member has left.
  const canChoose = Number(occurrence.price) > 0 && (isMain ? own.length > 0 : own.some((pass) => refusalOf(pass, occurrence) === null));
  if (!canChoose && (!isOpen || all === null)) return null;
  const dialog = (
    <Dialog title={t.question} isOpen={isOpen} onClose={() => setOpen(false)}>
      <WaysToPay {...props} onClose={() => setOpen(false)} />
    </Dialog>
  );
  if (isMain) return <MainWays key={occurrence.id} {...props} onOpen={() => setOpen(true)} dialog={dialog} />;
  return (
    <>
      <Button
        kind="soft"
        size="small"
        class="ways-button"
        aria-haspopup="dialog"
        title={t.choose}
        aria-label={classTexts.named(t.choose, occurrence.title, whenOf(occurrence))}
        onClick={() => setOpen(true)}
      >
        <Chevron />
      </Button>
      {dialog}
    </>
  );
}

/** The pass that pays for a class by default, or the price. */
export function Payer({ t, occurrence, price }: Pick<Props, "t" | "occurrence"> & { price: string }) {
  const all = useStore(passes);
  const isOver = occurrence.isCancelled || Date.parse(occurrence.startTime) <= Date.now();
  const own = all === null || all === "failed" || isOver || Number(occurrence.price) === 0 ? [] : usable(all);
  // Whether a pass can begin earlier depends on what is booked with it.
  const first = own.find((pass) => refusalOf(pass, occurrence) === null && (pass.firstDay ?? "") <= occurrence.localDate);
  if (!first) return <>{price}</>;
  return (
    <span class="payer" title={t.with(first.name)}>
      <span class="payer-long">{t.with(first.name)}</span>
      <span class="payer-short">{t.withPass}</span>
    </span>
  );
}

function Chevron() {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d="m3 6 5 5 5-5" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

function loadCover(scheduledClassId: string): Promise<Cover> {
  return call(api.GET("/api/shop/cover", { params: { query: { scheduledClassId } } }));
}

function MainWays({ t, classTexts, occurrence, onOpen, dialog }: Props & { onOpen: () => void; dialog: ComponentChildren }) {
  const [cover, setCover] = useState<Cover | null>(null);
  const all = useStore(passes);
  useEffect(() => {
    let isLatest = true;
    const show = (found: Cover | null) => isLatest && setCover(found);
    // If it cannot be loaded, the dialog asks again, and says what is wrong.
    loadCover(occurrence.id).then(show, () => show(null));
    return () => {
      isLatest = false;
    };
  }, [occurrence.id, all]);
  const first = cover?.passes.find(({ id }) => id === cover.passId);
  const label = cover === null ? t.choose : first ? t.another : t.why;
  return (
    <div class="ways-main">
      <p>
        {first ? `${[t.pays(first.name), factsOf(t, first).join(", ")].filter(Boolean).join(": ")}.` : cover && t.nonePays}{" "}
        <button type="button" class="ways-link" aria-haspopup="dialog" aria-label={classTexts.named(label, occurrence.title, whenOf(occurrence))} onClick={onOpen}>
          {label}
        </button>
      </p>
      {dialog}
    </div>
  );
}

/** How many classes a pass has left, and until when it is good. */
function factsOf(t: PassesTexts, { creditsLeft, lastDay }: Pass): string[] {
  return [...(creditsLeft === null ? [] : [t.left(creditsLeft)]), ...(lastDay === null ? [] : [t.until(dayText(lastDay))])];
}

function WaysToPay({ t, classTexts, occurrence, onClose }: Props & { onClose: () => void }) {
  const { loaded, failure, reload } = useLoad(() => loadCover(occurrence.id), occurrence.id);
  const ways = useKeptFocus(loaded);
  if (failure) return <ErrorPanel text={t.coverFailed} requestId={failure.requestId} onRetry={reload} />;
  if (!loaded) return <Skeleton count={2} height="4.5rem" />;
  const pay = async (payWith: string) => {
    await book(classTexts, occurrence, false, payWith);
    if (bookings.value.has(occurrence.id)) return onClose();
    // The dialog says why it is not booked, and there may be another way.
    if (session.value) reload();
  };
  const good = loaded.passes.filter(({ refusal }) => refusal === null);
  const refused = loaded.passes.filter(({ refusal }) => refusal !== null);
  return (
    <>
      <p class="ways-title">
        {occurrence.title}, {whenOf(occurrence)}
      </p>
      <div class="ways" ref={ways}>
        {good.map((pass, index) => (
          <Button key={pass.id} kind={index === 0 ? "primary" : "plain"} onClick={() => pay(pass.id)}>
            <Way name={t.bookWith(pass.name)} facts={factsOf(t, pass).join(", ")} />
          </Button>
        ))}
        <Button kind={good.length === 0 ? "primary" : "plain"} onClick={() => pay("money")}>
          <Way name={t.bookFor(formatPrice(loaded.price, loaded.currency))} facts={t.payLater} />
        </Button>
      </div>
      {refused.length > 0 && (
        <>
          <p class="ways-title">{t.refused}</p>
          <ul class="plain-list ways-refused">
            {refused.map((pass) => (
              <li key={pass.id}>
                <strong>{pass.name}</strong>
                <span class="hint">{whyNot(t, pass)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <p class="actions">
        <Button kind="quiet" onClick={onClose}>
          {t.close}
        </Button>
      </p>
    </>
  );
}

function Way({ name, facts }: { name: string; facts: string }) {
  return (
    <span class="way">
      <span>{name}</span>
      {facts && <small>{facts}</small>}
    </span>
  );
}

function whyNot(t: PassesTexts, { refusal, classTypes, firstDay, lastDay, frozenFrom, frozenTo }: Cover["passes"][number]): string {
  const day = (value: string | null | undefined) => (value ? dayText(value) : "");
  const facts = { classes: namesOf(classTypes), first: day(firstDay), last: day(lastDay), from: day(frozenFrom), to: day(frozenTo) };
  return refusal ? t.refusal[refusal](facts) : "";
}
