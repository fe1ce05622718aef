// A member's settings.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call } from "../../api/client.ts";
import { CalendarFeed } from "../../components/calendar-feed.tsx";
import { useCommon } from "../../components/mount.tsx";
import { Button, Card } from "../../components/ui.tsx";
import type { Session } from "../../session.ts";
import type { AccountTexts } from "../../texts/account.en.ts";
import { attempt, report } from "../../tools/action.ts";
import { requestLink } from "../../tools/confirmation.ts";
import { ClosePart, DataPart } from "./data.tsx";
import { Part, PartNav } from "./parts.tsx";
import { LanguagePart, type Profile, ProfileParts } from "./profile.tsx";
import type { Provider } from "./providers.ts";
import { Security } from "./security.tsx";
import { SessionsPart, useDevices } from "./sessions.tsx";

export interface MemberProps {
  t: AccountTexts;
  current: Session;
  providers: Provider[];
}

export function MemberView({ t, current, providers }: MemberProps) {
  const common = useCommon();
  const { member, settings } = t;
  const { user } = current;
  const [profile, setProfile] = useState<Profile | null>(null);
  const [isFailed, setFailed] = useState(false);
  const [hasPassword, setHasPassword] = useState(true);
  const devices = useDevices();
  const title = useRef<HTMLHeadingElement>(null);

  const loadProfile = () => {
    setFailed(false);
    call(api.GET("/api/auth/me")).then(setProfile, (failure: unknown) => {
      setFailed(true);
      report(failure);
    });
  };

  useEffect(() => {
    const part = document.getElementById(location.hash.slice(1));
    if (part) part.scrollIntoView();
    else title.current?.focus();
    loadProfile();
    devices.load().catch(report);
  }, []);

  const resend = () => attempt(() => requestLink(common));

  return (
    <div class="page settings">
      <div class="page-title">
        <h1 ref={title} tabIndex={-1}>
          {member.welcome(user.firstName)}
        </h1>
        <p class="lead">
          {member.signedInAs} <strong>{user.email}</strong>
          {profile?.instructorId && !user.isStaff && (
            <>
              {" · "}
              <a href="/staff/teaching">{member.teaching}</a>
            </>
          )}
        </p>
      </div>

      <PartNav
        label={settings.parts}
        parts={[
          ["profile", settings.profile.title],
          ["emergency", settings.emergency.title],
          ["mails", settings.mails.title],
          ["language", settings.language.title],
          ["calendar", settings.calendar.title],
          ["security", t.security.title],
          ["sessions", t.sessions.title],
          ["data", settings.data.title],
          ["close", settings.close.title],
        ]}
      />

      <div class="parts">
        {!user.emailVerified && (
          <Card class="notice">
            <p>{member.unverified}</p>
            <p class="actions">
              <Button kind="plain" onClick={resend}>
                {common.sendLink}
              </Button>
            </p>
          </Card>
        )}

        <ProfileParts t={settings} profile={profile} isFailed={isFailed} onChange={setProfile} onRetry={loadProfile} />
        <LanguagePart t={settings} />
        <Part id="calendar" title={settings.calendar.title}>
          <CalendarFeed t={settings.calendar} />
        </Part>
        <Security t={t} user={user} available={providers} hasPassword={hasPassword} onPasswordKnown={setHasPassword} onChange={devices.load} />
        <SessionsPart t={t} devices={devices} expiresAt={current.session.expiresAt} />
        <DataPart t={settings} />
        <ClosePart t={t} email={user.email} hasPassword={hasPassword} providers={providers} />
      </div>
    </div>
  );
}
