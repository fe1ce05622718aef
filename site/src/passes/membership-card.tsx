// The member's membership, as a card: what it costs, when it is renewed, and how to end it.

import { useEffect, useState } from "preact/hooks";
import { Button, Card, Dialog } from "../components/ui.tsx";
import { session } from "../session.ts";
import type { PassesTexts } from "../texts/passes.en.ts";
import { attempt, say } from "../tools/action.ts";
import { useReload } from "../tools/connection.ts";
import { namesOf } from "../tools/language.ts";
import { useStore } from "../tools/store.ts";
import { formatPrice } from "../tools/time.ts";
import { loadMembership, type Membership, membership, openPortal, setRenewal } from "./membership.ts";
import { dayText, loadPasses } from "./passes.ts";
import "./membership.css";

type Texts = { t: PassesTexts };

/** The member's membership, or nothing. */
export function MyMembership({ t }: Texts) {
  const member = useStore(session)?.user.id;
  useReload(() => loadMembership(true));
  useEffect(() => void loadMembership(), [member]);
  const current = useStore(membership);
  if (!current) return null;
  return (
    <section class="my-membership">
      <h2>{t.membership.title}</h2>
      {current === "failed" ? <Failed t={t} /> : <MembershipCard t={t} current={current} />}
    </section>
  );
}

function Failed({ t }: Texts) {
  return (
    <p class="hint">
      {t.membership.loadFailed}{" "}
      <Button kind="quiet" size="small" onClick={() => loadMembership(true)}>
        {t.again}
      </Button>
    </p>
  );
}

function MembershipCard({ t, current }: Texts & { current: Membership }) {
  const [isEnding, setEnding] = useState(false);
  const { name, price, currency, every, credits, classTypes, status, lastDay, checkoutUrl } = current;
  const texts = t.membership;
  const change = (action: "end" | "keep") =>
    attempt(async () => {
      const changed = await setRenewal(action);
      await loadPasses(true);
      say(describeChange(t, changed));
    });
  return (
    <Card class="membership">
      <div class="pass-head">
        <h3>{name}</h3>
        <StatusTag t={t} current={current} />
      </div>
      <p class="pass-left">
        {formatPrice(price, currency)} {t.perPeriod[every]} · {credits === null ? t.unlimited : t.classesEachPeriod(credits, every)}
      </p>
      <p class={status === "past_due" ? "" : "hint"}>
        {describeNext(t, current)}
        <br />
        <span class="hint">{classTypes.length === 0 ? t.forAll : t.forSome(namesOf(classTypes))}</span>
      </p>
      <div class="actions">
        {status === "starting" ? (
          checkoutUrl && (
            <a class="button small" href={checkoutUrl}>
              {texts.pay}
            </a>
          )
        ) : (
          <>
            <Button kind={status === "past_due" ? "primary" : "plain"} size="small" onClick={() => attempt(openPortal)}>
              {texts.portal}
            </Button>
            {lastDay ? (
              <Button kind="quiet" size="small" onClick={() => change("keep")}>
                {texts.keep}
              </Button>
            ) : (
              <Button kind="quiet" size="small" onClick={() => setEnding(true)}>
                {texts.end}
              </Button>
            )}
          </>
        )}
      </div>
      <Dialog title={texts.endTitle(name)} isOpen={isEnding} onClose={() => setEnding(false)}>
        <p>{status === "past_due" ? texts.endTextPastDue : texts.endText}</p>
        <p class="actions">
          <Button
            onClick={() => {
              setEnding(false);
              return change("end");
            }}
          >
            {texts.end}
          </Button>
          <Button kind="plain" autofocus onClick={() => setEnding(false)}>
            {texts.keepIt}
          </Button>
        </p>
      </Dialog>
    </Card>
  );
}

function StatusTag({ t, current: { status, lastDay } }: Texts & { current: Membership }) {
  const { states } = t.membership;
  if (status === "past_due") return <span class="tag bad">{states.pastDue}</span>;
  if (status === "starting") return <span class="tag warn">{states.starting}</span>;
  if (lastDay) return <span class="tag warn">{states.ending}</span>;
  return status === "paused" ? <span class="tag warn">{states.paused}</span> : <span class="tag good">{states.active}</span>;
}

/** Says what has become of it after an action of the member. */
function describeChange(t: PassesTexts, { status, lastDay }: Membership): string {
  const texts = t.membership;
  if (status === "ended") return texts.hasEnded;
  return lastDay ? texts.isEnding(dayText(lastDay)) : texts.isKept;
}

/** Says what happens next. */
function describeNext(t: PassesTexts, { status, price, currency, renewsOn, lastDay, graceEndsOn }: Membership): string {
  const texts = t.membership;
  const amount = formatPrice(price, currency);
  if (status === "starting") return texts.notPaid;
  if (status === "past_due") return graceEndsOn ? texts.failed(amount, dayText(graceEndsOn)) : texts.failedAfterGrace(amount);
  if (lastDay) return texts.ends(dayText(lastDay));
  return status === "paused" || !renewsOn ? texts.paused : texts.renews(dayText(renewsOn), amount);
}
