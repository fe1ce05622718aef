// The member's passes, as cards.

import { useEffect } from "preact/hooks";
import { Button, Card } from "../components/ui.tsx";
import type { PassesTexts } from "../texts/passes.en.ts";
import { useReload } from "../tools/connection.ts";
import { namesOf } from "../tools/language.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { dayText, loadPasses, type Pass, passes, today, usable } from "./passes.ts";
import "./cards.css";

/** Up to this many classes, each has a mark of its own. */
const MAX_MARKS = 20;

type Texts = { t: PassesTexts };

/** Loads the passes again when the page is shown again: the studio may have sold another one. */
function usePasses() {
  useReload(() => loadPasses(true));
  useEffect(() => {
    const load = () => void (document.hidden || loadPasses(true));
    document.addEventListener("visibilitychange", load);
    return () => document.removeEventListener("visibilitychange", load);
  }, []);
  // What has begun and what has ended depends on the studio's time zone.
  useStore(studio);
  return useStore(passes);
}

/** All passes of the member. Members without passes see only where to find them. */
export function MyPasses({ t }: Texts) {
  const known = usePasses();
  if (known === null) return null;
  if (known === "failed") return <Failed t={t} />;
  // The pass of a period that was never paid is not shown.
  const all = known.filter(({ isRevoked, orderId }) => !isRevoked || orderId !== null);
  const now = usable(all);
  const earlier = all.filter(({ isUsable }) => !isUsable);
  const more = (
    <p class="hint">
      {t.comeOften} <a href="/shop">{t.see}</a>
    </p>
  );
  if (all.length === 0) return <div class="my-passes">{more}</div>;
  return (
    <section class="my-passes">
      <h2>{t.title}</h2>
      {now.length > 0 ? <PassList t={t} list={now} /> : more}
      {earlier.length > 0 && (
        <details class="earlier-passes">
          <summary>{t.earlier(earlier.length)}</summary>
          <ul class="plain-list">
            {earlier.map((pass) => (
              <li key={pass.id}>
                <strong>{pass.name}</strong>
                <span class="tag">{whyOver(t, pass)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

/** The passes that the member can use, or nothing. */
export function UsablePasses({ t }: Texts) {
  const all = usePasses();
  if (all === "failed") return <Failed t={t} />;
  const now = all === null ? [] : usable(all);
  if (now.length === 0) return null;
  return (
    <section class="my-passes">
      <h2>{t.title}</h2>
      <PassList t={t} list={now} />
    </section>
  );
}

function Failed({ t }: Texts) {
  return (
    <section class="my-passes">
      <h2>{t.title}</h2>
      <p class="hint">
        {t.failed}{" "}
        <Button kind="quiet" size="small" onClick={() => loadPasses(true)}>
          {t.again}
        </Button>
      </p>
    </section>
  );
}

function PassList({ t, list }: Texts & { list: Pass[] }) {
  return (
    <ul class="plain-list pass-list">
      {list.map((pass) => (
        <li key={pass.id}>
          <PassCard t={t} pass={pass} />
        </li>
      ))}
    </ul>
  );
}

function PassCard({ t, pass }: Texts & { pass: Pass }) {
  const { name, credits, creditsLeft, frozenFrom, frozenTo } = pass;
  const isFreezeKnown = frozenFrom !== null && frozenTo !== null && frozenTo >= today();
  return (
    <Card class="pass">
      <div class="pass-head">
        <h3>{name}</h3>
        {isFreezeKnown && frozenFrom <= today() && <span class="tag warn">{t.isFrozen}</span>}
      </div>
      <p class="pass-left">{credits === null || creditsLeft === null ? t.unlimited : t.ofLeft(creditsLeft, credits)}</p>
      {credits !== null && creditsLeft !== null && <Marks left={creditsLeft} all={credits} />}
      <p class="hint">
        {validity(t, pass)}
        <br />
        {pass.classTypes.length === 0 ? t.forAll : t.forSome(namesOf(pass.classTypes))}
        {isFreezeKnown && (
          <>
            <br />
            {t.frozen(dayText(frozenFrom), dayText(frozenTo))}
          </>
        )}
      </p>
    </Card>
  );
}

/** A mark for each class, filled while it is left. Many classes are a bar. The text beside says the same. */
function Marks({ left, all }: { left: number; all: number }) {
  if (all > MAX_MARKS) {
    return (
      <div class="pass-bar" aria-hidden="true">
        <span style={{ width: `${(100 * left) / all}%` }} />
      </div>
    );
  }
  return (
    <div class="pass-marks" aria-hidden="true">
      {Array.from({ length: all }, (_, index) => (
        <span key={index} class={index < left ? "is-left" : ""} />
      ))}
    </div>
  );
}

function validity(t: PassesTexts, { days, firstDay, lastDay, orderId }: Pass): string {
  if (firstDay === null || lastDay === null) return t.goodFor(days);
  if (orderId === null) return t.goodIfPaid(dayText(firstDay), dayText(lastDay));
  return firstDay > today() ? t.goodFrom(dayText(firstDay), dayText(lastDay)) : t.goodUntil(dayText(lastDay));
}

function whyOver(t: PassesTexts, { isRevoked, creditsLeft, lastDay }: Pass): string {
  if (isRevoked) return t.revoked;
  return creditsLeft === 0 || lastDay === null ? t.usedUp : t.ended(dayText(lastDay));
}
