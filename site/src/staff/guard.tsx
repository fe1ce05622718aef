// Shows a page only to those who may open it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadSession, session, signInAddress } from "../session.ts";
import type { StaffTexts } from "../texts/staff.en.ts";
import { whenOnline } from "../tools/connection.ts";
import { useStore } from "../tools/store.ts";
import { mayOpen, type StaffUser } from "./access.ts";
import { keepSending } from "./check-ins.ts";
import type { Access } from "./sections.ts";

interface Props {
  t: StaffTexts;
  access: Access;
  children: (user: StaffUser) => ComponentChildren;
}

/**
 * Shows the page when it is known who is signed in, and that they may open it. Without a
 * connection, that is who was signed in last. The API checks each request itself.
 */
export function Guard({ t, access, children }: Props) {
  const current = useStore(session);
  const [failure, setFailure] = useState<Failure | null>(null);
  /** Whether the page was shown. What was entered there is not lost to a redirect. */
  const wasShown = useRef(false);

  useEffect(() => {
    const load = () => {
      loadSession().then(
        () => setFailure(null),
        (failed) => {
          if (!(failed instanceof Failure)) throw failed;
          setFailure(failed);
        },
      );
    };
    load();
    return whenOnline(load);
  }, []);

  const user = current?.user;
  const staffId = user && mayOpen(user, "instructor") ? user.id : null;
  useEffect(() => (staffId ? keepSending(staffId) : undefined), [staffId]);
  useEffect(() => {
    if (current === null && !wasShown.current) location.replace(signInAddress());
  }, [current]);

  if (user) {
    if (!mayOpen(user, access)) return <Forbidden t={t} user={user} />;
    wasShown.current = true;
    return <>{children(user)}</>;
  }
  if (current === null && wasShown.current) {
    return (
      <Panel title={t.signedOutTitle} text={t.signedOutText}>
        <a class="button" href={signInAddress()}>
          {t.signIn}
        </a>
      </Panel>
    );
  }
  if (failure) {
    return (
      <div class="staff-page">
        <ErrorPanel text={`${t.accessFailed} ${failure.message}`} requestId={failure.requestId} onRetry={() => location.reload()} />
      </div>
    );
  }
  return (
    <div class="staff-page">
      <Skeleton count={3} height="6rem" />
    </div>
  );
}

function Forbidden({ t, user }: { t: StaffTexts; user: StaffUser }) {
  if (mayOpen(user, "instructor")) {
    return (
      <Panel title={t.forAdminTitle} text={t.forAdminText}>
        <a class="button" href="/staff">
          {t.toToday}
        </a>
      </Panel>
    );
  }
  return (
    <Panel title={t.forStaffTitle} text={t.forStaffText}>
      <a class="button" href="/timetable">
        {t.toTimetable}
      </a>
    </Panel>
  );
}

/** A page that says one thing and leads on. */
export function Panel({ title, text, children }: { title: string; text: string; children: ComponentChildren }) {
  return (
    <div class="staff-page staff-panel">
      <h1>{title}</h1>
      <p class="lead">{text}</p>
      <p class="actions">{children}</p>
    </div>
  );
}
