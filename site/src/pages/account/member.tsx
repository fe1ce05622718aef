// A member's settings.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { CalendarFeed } from "../../components/calendar-feed.tsx";
import { Button, Card } from "../../components/ui.tsx";
import { type Session, signOut } from "../../session.ts";
import type { AccountTexts } from "../../texts/account.en.ts";
import { attempt, report, say } from "../../tools/action.ts";
import { formatMoment } from "../../tools/language.ts";
import { ClosePart, DataPart } from "./data.tsx";
import { Part, PartNav } from "./parts.tsx";
import { LanguagePart, type Profile, ProfileParts } from "./profile.tsx";
import type { Provider } from "./providers.ts";
import { Security } from "./security.tsx";

type Device = Schema<"SessionList">["items"][number];

interface Props {
  t: AccountTexts;
  current: Session;
  providers: Provider[];
}

export function MemberView({ t, current, providers }: Props) {
  const { member } = t;
  const { settings } = t;
  const { user } = current;
  const [profile, setProfile] = useState<Profile | null>(null);
  const [isFailed, setFailed] = useState(false);
  const [hasPassword, setHasPassword] = useState(true);
  const [isVerified, setVerified] = useState(user.emailVerified);
  const [devices, setDevices] = useState<Device[] | null>(null);
  const [nextCursor, setNextCursor] = useState<string | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const sessionsTitle = useRef<HTMLHeadingElement>(null);

  const listDevices = async (cursor?: string | null) => {
    const page = await call(api.GET("/api/sessions", { params: { query: cursor ? { cursor } : {} } }));
    setDevices((known) => (cursor && known ? [...known, ...page.items] : page.items));
    setNextCursor(page.nextCursor ?? null);
  };

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
    listDevices().catch(report);
  }, []);

  const resend = () =>
    attempt(async () => {
      try {
        await call(api.POST("/api/auth/verify-email"));
      } catch (failure) {
        if (failure instanceof Failure && failure.code === "email_verified") setVerified(true);
        throw failure;
      }
      say(member.sentAgain);
    });

  const leave = (all: boolean) =>
    attempt(async () => {
      await signOut(all ? { all } : {});
      say(all ? member.signedOutAll : member.signedOut);
    });

  const end = (device: Device, name: string) =>
    attempt(async () => {
      try {
        await call(api.DELETE("/api/sessions/{id}", { params: { path: { id: device.id } } }));
      } catch (failure) {
        // The session has already ended.
        if (!(failure instanceof Failure && failure.status === 404)) throw failure;
      }
      await listDevices();
      sessionsTitle.current?.focus();
      say(t.sessions.ended(name));
    });

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
          ["consents", settings.consents.title],
          ["language", settings.language.title],
          ["calendar", settings.calendar.title],
          ["security", t.security.title],
          ["sessions", t.sessions.title],
          ["data", settings.data.title],
          ["close", settings.close.title],
        ]}
      />

      <div class="parts">
        {!isVerified && (
          <Card class="notice">
            <p>{member.unverified}</p>
            <p class="actions">
              <Button kind="plain" onClick={resend}>
                {member.sendAgain}
              </Button>
            </p>
          </Card>
        )}

        <ProfileParts t={settings} profile={profile} isFailed={isFailed} onChange={setProfile} onRetry={loadProfile} />
        <LanguagePart t={settings} />
        <Part id="calendar" title={settings.calendar.title}>
          <CalendarFeed t={settings.calendar} />
        </Part>
        <Security
          t={t}
          user={user}
          available={providers}
          hasPassword={hasPassword}
          onPasswordKnown={setHasPassword}
          onChange={listDevices}
        />
        <Part id="sessions" title={t.sessions.title} heading={sessionsTitle}>
          {devices?.length === 0 && <p class="hint">{t.sessions.none}</p>}
          <ul class="plain-list rows">
            {devices?.map((device) => {
              const name = `${device.browser}, ${device.device}`;
              const since = t.sessions.since(formatMoment(device.createdAt), device.ipAddress ?? null);
              return (
                <li key={device.id}>
                  <div>
                    <strong>{name}</strong> {device.current && <span class="tag good">{t.sessions.current}</span>}
                    <span class="hint">
                      {since}
                      <br />
                      {t.sessions.active(formatMoment(device.lastActive))}
                    </span>
                  </div>
                  {!device.current && (
                    <Button kind="plain" size="small" aria-label={t.sessions.endNamed(name, since)} onClick={() => end(device, name)}>
                      {t.sessions.end}
                    </Button>
                  )}
                </li>
              );
            })}
          </ul>
          <p class="actions">
            {nextCursor && (
              <Button kind="plain" size="small" onClick={() => attempt(() => listDevices(nextCursor))}>
                {t.sessions.more}
              </Button>
            )}
            <Button kind="quiet" size="small" onClick={() => attempt(() => listDevices())}>
              {t.sessions.refresh}
            </Button>
          </p>
          <hr />
          <p class="hint">{member.lasting(formatMoment(current.session.expiresAt))}</p>
          <p class="actions">
            <Button onClick={() => leave(false)}>{member.signOut}</Button>
            <Button kind="plain" onClick={() => leave(true)}>
              {member.signOutAll}
            </Button>
          </p>
        </Part>
        <DataPart t={settings} />
        <ClosePart t={t} email={user.email} hasPassword={hasPassword} providers={providers} />
      </div>
    </div>
  );
}
