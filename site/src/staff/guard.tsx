// Shows a page only to those who may open it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadSession, session, signInAddress } from "../session.ts";
import type { StaffTexts } from "../texts/staff.en.ts";
import { whenOnline } from "../tools/connection.ts";
import { useStore } from "../tools/store.ts";
import { isInstructor, loadInstructor, mayOpen, type StaffUser } from "./access.ts";
import { keepSending } from "./check-ins.ts";
import { type Access, TEACHING } from "./sections.ts";

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
  const teaches = useStore(isInstructor);
  const [failure, setFailure] = useState<Failure | null>(null);
  /** Whether the page was shown. What was entered there is not lost to a redirect. */
  const wasShown = useRef(false);

  const fail = (failed: unknown) => {
    if (!(failed instanceof Failure)) throw failed;
    setFailure(failed);
  };
  useEffect(() => {
    const load = () => void loadSession().then(() => setFailure(null), fail);
    load();
    return whenOnline(load);
  }, []);

  const user = current?.user;
  const memberId = user && !user.isStaff ? user.id : null;
  useEffect(() => {
    isInstructor.set(undefined);
    if (!memberId) return;
    const load = () =>
      void loadInstructor().then(
        () => setFailure(null),
        (failed: unknown) => {
          // Without a connection, the page shows what was kept, and the API protects everything else.
          if (failed instanceof Failure && failed.status === 0) isInstructor.set(true);
          fail(failed);
        },
      );
    load();
    return whenOnline(load);
  }, [memberId]);

  const sender = user && (user.isStaff || teaches) ? user.id : null;
  useEffect(() => (sender ? keepSending(sender) : undefined), [sender]);
  useEffect(() => {
    if (current === null && !wasShown.current) location.replace(signInAddress());
  }, [current]);
  const isElsewhere = user !== undefined && access === "staff" && mayOpen(user, "instructor");
  useEffect(() => {
    if (isElsewhere) location.replace(TEACHING);
  }, [isElsewhere]);

  if (user && mayOpen(user, access)) {
    wasShown.current = true;
    return <>{children(user)}</>;
  }
  if (user && !isElsewhere && (user.isStaff || teaches !== undefined)) return <Forbidden t={t} user={user} />;
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
  if (user.isStaff) {
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
