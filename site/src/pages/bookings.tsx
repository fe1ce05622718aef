// The bookings page: what members have booked, owe, and have paid for. Visitors are asked to sign in.

import { useEffect } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { mount } from "../components/mount.tsx";
import { ErrorPanel, Skeleton } from "../components/ui.tsx";
import { isMemberExpected, loadSession, session, signInAddress } from "../session.ts";
import type { BookingsTexts } from "../texts/bookings.en.ts";
import type { Catalog } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import "./bookings.css";

/** Loads what members see, which visitors do not need. */
const loadMemberPart = () => import("./bookings/member.tsx");

if (isMemberExpected()) {
  loadMemberPart().catch(() => {
    // The page loads it again when it knows who is signed in.
  });
}

/** Loads what a member sees. A visitor sees nothing of it. */
async function loadOwn(): Promise<{ part: Awaited<ReturnType<typeof loadMemberPart>> | null }> {
  if (!(await loadSession())) return { part: null };
  const part = await loadMemberPart().catch(() => {
    throw Failure.unreachable();
  });
  await part.loadMember();
  return { part };
}

function Bookings({ t }: { t: BookingsTexts }) {
  const current = useStore(session);
  const { loaded, failure, reload } = useLoad(loadOwn);
  const part = loaded?.part;
  // Somebody may sign in, in another window.
  const isMissing = Boolean(current && loaded && !part);
  useEffect(() => {
    if (isMissing) reload();
  }, [isMissing]);

  if (failure) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.title}</h1>
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      </div>
    );
  }
  if (current === null) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.signInTitle}</h1>
        <p class="lead">{t.signInText}</p>
        <p class="actions">
          <a class="button" href={signInAddress()}>
            {t.signIn}
          </a>
          <a class="button plain" href={`${signInAddress()}#register`}>
            {t.register}
          </a>
        </p>
      </div>
    );
  }
  if (!part || !current) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.title}</h1>
        <p class="lead">{t.lead}</p>
        <Skeleton count={3} height="10rem" />
      </div>
    );
  }
  return <part.MyBookings key={current.user.id} t={t} />;
}

const catalog: Catalog<BookingsTexts> = { en: () => import("../texts/bookings.en.ts"), es: () => import("../texts/bookings.es.ts") };
await mount(catalog, Bookings);
