// The member's sessions, and signing out.

import { useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Button } from "../../components/ui.tsx";
import { signOut } from "../../session.ts";
import type { AccountTexts } from "../../texts/account.en.ts";
import { attempt, say } from "../../tools/action.ts";
import { formatMoment } from "../../tools/language.ts";
import { Part } from "./parts.tsx";

type Device = Schema<"SessionList">["items"][number];

/** The devices on which the member is signed in. */
interface Devices {
  /** Null until they are loaded. */
  items: Device[] | null;
  nextCursor: string | null;
  /** Loads the next page, or the first one again. */
  load: (cursor?: string | null) => Promise<void>;
}

export function useDevices(): Devices {
  const [items, setItems] = useState<Device[] | null>(null);
  const [nextCursor, setNextCursor] = useState<string | null>(null);
  const load = async (cursor?: string | null) => {
    const page = await call(api.GET("/api/sessions", { params: { query: cursor ? { cursor } : {} } }));
    setItems((known) => (cursor && known ? [...known, ...page.items] : page.items));
    setNextCursor(page.nextCursor ?? null);
  };
  return { items, nextCursor, load };
}

interface Props {
  t: AccountTexts;
  devices: Devices;
  /** When the session of this browser ends. */
  expiresAt: string;
}

export function SessionsPart({ t, devices, expiresAt }: Props) {
  const title = useRef<HTMLHeadingElement>(null);

  const leave = (all: boolean) =>
    attempt(async () => {
      await signOut(all ? { all } : {});
      say(all ? t.member.signedOutAll : t.member.signedOut);
    });

  const end = (device: Device, name: string) =>
    attempt(async () => {
      try {
        await call(api.DELETE("/api/sessions/{id}", { params: { path: { id: device.id } } }));
      } catch (failure) {
        // The session has already ended.
        if (!(failure instanceof Failure && failure.status === 404)) throw failure;
      }
      await devices.load();
      title.current?.focus();
      say(t.sessions.ended(name));
    });

  return (
    <Part id="sessions" title={t.sessions.title} heading={title}>
      {devices.items?.length === 0 && <p class="hint">{t.sessions.none}</p>}
      <ul class="plain-list rows">
        {devices.items?.map((device) => (
          <DeviceRow key={device.id} t={t} device={device} onEnd={end} />
        ))}
      </ul>
      <p class="actions">
        {devices.nextCursor && (
          <Button kind="plain" size="small" onClick={() => attempt(() => devices.load(devices.nextCursor))}>
            {t.sessions.more}
          </Button>
        )}
        <Button kind="quiet" size="small" onClick={() => attempt(() => devices.load())}>
          {t.sessions.refresh}
        </Button>
      </p>
      <hr />
      <p class="hint">{t.member.lasting(formatMoment(expiresAt))}</p>
      <p class="actions">
        <Button onClick={() => leave(false)}>{t.member.signOut}</Button>
        <Button kind="plain" onClick={() => leave(true)}>
          {t.member.signOutAll}
        </Button>
      </p>
    </Part>
  );
}

interface RowProps {
  t: AccountTexts;
  device: Device;
  onEnd: (device: Device, name: string) => Promise<unknown>;
}

function DeviceRow({ t, device, onEnd }: RowProps) {
  const name = `${device.browser}, ${device.device}`;
  const since = t.sessions.since(formatMoment(device.createdAt), device.ipAddress ?? null);
  return (
    <li>
      <div>
        <strong>{name}</strong> {device.current && <span class="tag good">{t.sessions.current}</span>}
        <span class="hint">
          {since}
          <br />
          {t.sessions.active(formatMoment(device.lastActive))}
        </span>
      </div>
      {!device.current && (
        <Button kind="plain" size="small" aria-label={t.sessions.endNamed(name, since)} onClick={() => onEnd(device, name)}>
          {t.sessions.end}
        </Button>
      )}
    </li>
  );
}
