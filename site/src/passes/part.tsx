// What members with passes see where classes are booked.

import { loadPassPart, passPart } from "./pass-part.ts";
import type { Booking } from "../classes/live.ts";
import type { PassesTexts } from "../texts/passes.en.ts";
import { type Catalog, language, loadTexts } from "../tools/language.ts";
import { formatMomentIn } from "../tools/time.ts";
import { MyPasses, UsablePasses } from "./cards.tsx";
import { MyMembership } from "./membership-card.tsx";
import { dayText, followPasses, loadPasses } from "./passes.ts";
import { Payer, Ways } from "./ways.tsx";

type BookingPass = NonNullable<Booking["pass"]>;

const catalog: Catalog<PassesTexts> = { en: () => import("../texts/passes.en.ts"), es: () => import("../texts/passes.es.ts") };

/** How long a page waits for the passes, so that they do not move what it shows. */
const PATIENCE_MS = 1_000;

let isFollowing = false;

/** Loads the texts, and the passes if they come soon. */
export async function start(): Promise<void> {
  if (!isFollowing) {
    isFollowing = true;
    language.follow(() => void loadPassPart());
    followPasses();
  }
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const [t] = await Promise.all([loadTexts(catalog, language.value), Promise.race([loadPasses(), patience])]);
  if (passPart.value?.t !== t) passPart.set(sentences(t));
}

/** What other parts of the site show about passes, in one language. */
export interface Passes {
  t: PassesTexts;
  MyPasses: typeof MyPasses;
  UsablePasses: typeof UsablePasses;
  MyMembership: typeof MyMembership;
  Ways: typeof Ways;
  Payer: typeof Payer;
  /** What a pass has paid, and what is left of it. */
  paid: (pass: BookingPass) => string;
  /** The same without the day, for a card. */
  paidShort: (pass: BookingPass) => string;
  /** What a late cancellation of this booking means. */
  late: (booking: Booking, pass: BookingPass, zone: string | undefined) => string;
  /** What a cancellation in time gives back. */
  goesBack: (pass: BookingPass) => string;
  /** What has become of the class after a cancellation. */
  cancelled: (pass: BookingPass) => string;
}

function sentences(t: PassesTexts): Passes {
  const left = ({ creditsLeft }: BookingPass) => (creditsLeft === null ? [] : [t.left(creditsLeft)]);
  return {
    t,
    MyPasses,
    UsablePasses,
    MyMembership,
    Ways,
    Payer,
    paid: (pass) => [t.paidWith(pass.name), ...left(pass), ...(pass.lastDay && pass.creditsLeft !== 0 ? [t.until(dayText(pass.lastDay))] : [])].join(", "),
    paidShort: (pass) => [t.paidWith(pass.name), ...left(pass)].join(", "),
    late: ({ class: { title, startTime } }, pass, zone) => {
      const say = pass.creditsLeft === null ? t.losesNothing : t.loses;
      return say(title, formatMomentIn(startTime, zone), pass.name);
    },
    goesBack: (pass) => (pass.creditsLeft === null ? "" : t.goesBack(pass.name)),
    cancelled: ({ name, creditsLeft, usesCredit }) => (creditsLeft === null ? t.cancelled : usesCredit ? t.lost(name) : t.wentBack(name)),
  };
}
