// The download of what the studio stores about the member, and the end of the account.

import { useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Field, Form } from "../../components/form.tsx";
import { Button } from "../../components/ui.tsx";
import { endSession } from "../../session.ts";
import type { AccountTexts } from "../../texts/account.en.ts";
import type { SettingsTexts } from "../../texts/settings.en.ts";
import { attempt, say } from "../../tools/action.ts";
import { CurrentPassword, currentPassword, UsernameInput } from "./current-password.tsx";
import { Part } from "./parts.tsx";
import { type Provider, providerAddress } from "./providers.ts";

type Step = keyof SettingsTexts["data"]["steps"];

const bookingsOf = (when: "upcoming" | "past") =>
  readAllPages<Schema<"Booking">>((query) => call(api.GET("/api/bookings/list", { params: { query: { ...query, when } } })));

/** How each part of the file is read. */
const COLLECT: Record<Step, () => Promise<unknown>> = {
  profile: () => call(api.GET("/api/auth/me")),
  upcomingBookings: () => bookingsOf("upcoming"),
  pastBookings: () => bookingsOf("past"),
  membership: async () => (await call(api.GET("/api/shop/membership"))).membership,
  passes: () => readAllPages((query) => call(api.GET("/api/shop/passes", { params: { query } }))),
  credit: async () => {
    const entries = await readAllPages((query) => call(api.GET("/api/shop/credit", { params: { query } })));
    const { balance, held, currency } = await call(api.GET("/api/shop/credit", { params: { query: { limit: 1 } } }));
    return { balance, held, currency, entries };
  },
  mailPreferences: () => call(api.GET("/api/auth/mail-preferences")),
  // Without `Accept: text/event-stream`, the response is a list.
  events: () => readAllPages((query) => call(api.GET("/api/events", { params: { query } })) as Promise<Schema<"MemberEventList">>),
  sessions: () => readAllPages((query) => call(api.GET("/api/sessions", { params: { query } }))),
  signInMethods: () => call(api.GET("/api/auth/identities")),
  twoFactor: () => call(api.GET("/api/auth/two-factor")),
};

const STEPS = Object.keys(COLLECT) as Step[];

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export function DataPart({ t }: { t: SettingsTexts }) {
  const [running, setRunning] = useState<Step | null>(null);

  const collect = () =>
    attempt(async () => {
      const moment = new Date().toISOString();
      const data: Record<string, unknown> = { downloadedAt: moment };
      try {
        for (const step of STEPS) {
          setRunning(step);
          data[step] = await COLLECT[step]();
        }
      } finally {
        setRunning(null);
      }
      download(`sabor-${moment.slice(0, 10)}.json`, `${JSON.stringify(data, null, 2)}\n`);
      say(t.data.done);
    });

  return (
    <Part id="data" title={t.data.title}>
      <p>{t.data.lead}</p>
      <p class="actions">
        <Button kind="plain" onClick={collect}>
          {t.data.button}
        </Button>
        {running && (
          <label class="collecting">
            <progress max={STEPS.length} value={STEPS.indexOf(running)} aria-label={t.data.progress} />
            <span class="hint">{t.data.steps[running]} …</span>
          </label>
        )}
      </p>
    </Part>
  );
}

interface CloseProps {
  t: AccountTexts;
  email: string;
  hasPassword: boolean;
  providers: Provider[];
}

/** Asks for the password and for a word, because nothing brings an account back. */
export function ClosePart({ t, email, hasPassword, providers }: CloseProps) {
  const { close } = t.settings;
  return (
    <Part id="close" title={close.title}>
      <p>
        <strong>{close.lead}</strong>
      </p>
      <ul class="losses">
        {close.losses.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {!hasPassword && (
        <>
          <p>{close.noPassword}</p>
          <p class="actions">
            {providers.map((provider) => (
              <a key={provider.name} class="button plain" href={providerAddress(provider, "/account")}>
                {t.security.signInAgain(provider.label)}
              </a>
            ))}
          </p>
        </>
      )}
      <Form
        onSend={async (values) => {
          if (values.text("word").trim().toLowerCase() !== close.word) {
            throw new Failure(close.typeWord(close.word), { problems: { word: ["is wrong"] } });
          }
          await call(api.DELETE("/api/auth/me", { body: currentPassword(values) }));
          endSession();
          say(close.done);
        }}
      >
        <UsernameInput t={t} email={email} />
        <CurrentPassword t={t} hasPassword={hasPassword} />
        <Field name="word" label={close.confirmation} hint={close.typeWord(close.word)} autoComplete="off" autoCapitalize="none" spellcheck={false} required />
        <Button type="submit" class="danger">
          {close.button}
        </Button>
      </Form>
    </Part>
  );
}
