// The subscription to a member's bookings in a calendar program.

import { useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import type { CalendarTexts } from "../texts/calendar.en.ts";
import { attempt, say } from "../tools/action.ts";
import { Button } from "./ui.tsx";
import "./calendar-feed.css";

export function CalendarFeed({ t }: { t: CalendarTexts }) {
  const [url, setUrl] = useState<string | null>(null);

  const subscribe = () =>
    attempt(async () => {
      const token = await call(api.POST("/api/calendar/token"));
      setUrl(token.url);
    });
  const withdraw = () =>
    attempt(async () => {
      await call(api.DELETE("/api/calendar/token"));
      setUrl(null);
      say(t.withdrawn);
    });
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(url ?? "");
      say(t.copied);
    });

  return (
    <div class="calendar-feed">
      <p>{t.text}</p>
      {url ? (
        <>
          <div class="field">
            <label for="calendar-url">{t.link}</label>
            <input id="calendar-url" value={url} readOnly aria-describedby="calendar-hint" onFocus={(event) => event.currentTarget.select()} />
            <span class="hint" id="calendar-hint">
              {t.secret}
            </span>
          </div>
          <p class="actions">
            <a class="button small" href={url.replace(/^https?:/, "webcal:")}>
              {t.open}
            </a>
            <Button kind="plain" size="small" onClick={copy}>
              {t.copy}
            </Button>
            <Button kind="quiet" size="small" onClick={withdraw}>
              {t.withdraw}
            </Button>
          </p>
          <h3>{t.how}</h3>
          <dl>
            {t.programs.map(({ name, text }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </>
      ) : (
        <p class="actions">
          <Button kind="plain" size="small" onClick={subscribe}>
            {t.subscribe}
          </Button>
          <Button kind="quiet" size="small" onClick={withdraw}>
            {t.withdraw}
          </Button>
        </p>
      )}
    </div>
  );
}
