// The credit of the member, and what has changed it.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { bookingZone } from "../../classes/live.ts";
import { Button, Card } from "../../components/ui.tsx";
import type { BookingsTexts } from "../../texts/bookings.en.ts";
import { attempt } from "../../tools/action.ts";
import { Store, useStore } from "../../tools/store.ts";
import { formatMomentIn, formatPrice } from "../../tools/time.ts";

type Credit = Schema<"MemberCredit">;

const credit = new Store<Credit | null>(null);

/** Loads the credit of the member. */
export async function loadCredit(): Promise<void> {
  credit.set(await call(api.GET("/api/shop/credit")));
}

/** What is left of the credit. A member who never had any sees nothing. */
export function MyCredit({ t }: { t: BookingsTexts["credit"] }) {
  const loaded = useStore(credit);
  const [isLoading, setLoading] = useState(false);
  if (!loaded || loaded.items.length === 0) return null;
  const { balance, held, currency, items, nextCursor } = loaded;
  const loadMore = () =>
    attempt(async () => {
      setLoading(true);
      try {
        const next = await call(api.GET("/api/shop/credit", { params: { query: { cursor: nextCursor ?? "" } } }));
        credit.set({ ...next, items: [...items, ...next.items] });
      } finally {
        setLoading(false);
      }
    });
  return (
    <Card class="credit">
      <h2>{t.title}</h2>
      <p>
        {t.balance(formatPrice(balance, currency))} {Number(held) > 0 && t.held(formatPrice(held, currency))}
      </p>
      <details>
        <summary>{t.changes}</summary>
        <ul class="plain-list">
          {items.map(({ id, change, kind, reason, title, createdAt }) => (
            <li key={id}>
              <strong>{formatPrice(change, currency)}</strong> · {t.kinds[kind] ?? kind}
              {(reason || title) && ` · ${reason || title}`} · <time dateTime={createdAt}>{formatMomentIn(createdAt, bookingZone.value)}</time>
            </li>
          ))}
        </ul>
        {nextCursor && (
          <Button kind="quiet" size="small" isWorking={isLoading} onClick={loadMore}>
            {t.more}
          </Button>
        )}
      </details>
    </Card>
  );
}
