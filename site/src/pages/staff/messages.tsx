// Messages from the contact form.

import { useState } from "preact/hooks";
import { Check, Phone, Reply, Undo2 } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Button, Empty, Skeleton } from "../../components/ui.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead, Segments } from "../../staff/parts.tsx";
import type { StaffMessagesTexts } from "../../texts/staff-messages.en.ts";
import { attempt, sayWithNext } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { useStore } from "../../tools/store.ts";
import { studio } from "../../tools/studio.ts";
import { formatMomentIn } from "../../tools/time.ts";
import "./messages.css";

type Message = Schema<"ContactSubmission">;
type Texts = { t: StaffMessagesTexts };
type View = "open" | "processed" | "all";

/** Mail programs accept addresses of about two thousand characters. */
const QUOTE_LENGTH = 1_000;

function readView(): View {
  const view = new URLSearchParams(location.search).get("show");
  return view === "processed" || view === "all" ? view : "open";
}

function Messages({ t }: Texts) {
  const [view, setView] = useState(readView());
  const zone = useStore(studio)?.timeZone ?? "UTC";
  const list = useList<Message>(view, (cursor) =>
    call(
      api.GET("/api/admin/contacts", {
        params: { query: { ...(view === "all" ? {} : { processed: view === "processed" }), ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );

  const show = (next: View) => {
    history.replaceState(null, "", next === "open" ? "/staff/messages" : `/staff/messages?show=${next}`);
    setView(next);
  };

  const setProcessed = async (message: Message, processed: boolean) => {
    const updated = await call(api.PATCH("/api/admin/contacts", { body: { id: message.id, processed } }));
    list.change((known) => known.map((one) => (one.id === updated.id ? updated : one)));
  };

  const mark = (message: Message, processed: boolean) =>
    void attempt(async () => {
      await setProcessed(message, processed);
      const text = processed ? t.isProcessed(message.name) : t.isOpen(message.name);
      sayWithNext(text, { text: t.staff.undo, run: () => void attempt(() => setProcessed(message, !processed)) });
    });

  const shown = list.items?.filter(({ processed }) => view === "all" || processed === (view === "processed"));
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      <div class="toolbar">
        <Segments<View>
          label={t.which}
          value={view}
          options={[
            ["open", t.open],
            ["processed", t.processed],
            ["all", t.all],
          ]}
          onChange={show}
        />
      </div>
      {list.failure && <FailurePanel text={t.failed} failure={list.failure} onRetry={() => void list.reload()} />}
      {!list.failure && !shown && <Skeleton count={4} height="9rem" />}
      {shown?.length === 0 && !list.hasMore && <Empty text={view === "open" ? t.noneOpen : t.none} />}
      <ol class="plain-list messages">
        {shown?.map((message) => (
          <li key={message.id}>
            <MessageCard t={t} message={message} zone={zone} onMark={(processed) => mark(message, processed)} />
          </li>
        ))}
      </ol>
      {list.hasMore && (
        <p class="actions load-more">
          <Button kind="quiet" size="small" onClick={list.loadMore}>
            {list.isLoadingMore ? t.staff.loadingMore : t.staff.loadMore}
          </Button>
        </p>
      )}
    </div>
  );
}

interface CardProps extends Texts {
  message: Message;
  zone: string;
  onMark: (processed: boolean) => void;
}

function MessageCard({ t, message, zone, onMark }: CardProps) {
  const { name, email, phone, subject, processed, processedAt, createdAt } = message;
  return (
    <article class={processed ? "contact-message" : "contact-message open"}>
      <header>
        <h2>{subject}</h2>
        <p class="hint">
          {name} · <a href={`mailto:${email}`}>{email}</a> · <time dateTime={createdAt}>{formatMomentIn(createdAt, zone)}</time>
        </p>
      </header>
      <p class="message-text">{message.message}</p>
      <p class="actions">
        <a class="button soft small" href={replyAddress(t, message, zone)}>
          <Icon of={Reply} />
          {t.reply}
        </a>
        {phone && (
          <a class="button quiet small" href={`tel:${phone.replace(/[^+\d]/g, "")}`}>
            <Icon of={Phone} />
            {t.call(phone)}
          </a>
        )}
        <Button kind="quiet" size="small" onClick={() => onMark(!processed)}>
          <Icon of={processed ? Undo2 : Check} />
          {processed ? t.markOpen : t.markProcessed}
        </Button>
        {processedAt && <span class="hint">{t.answeredOn(formatMomentIn(processedAt, zone))}</span>}
      </p>
    </article>
  );
}

/** The address that opens a reply in the mail program, with the message quoted. */
function replyAddress(t: StaffMessagesTexts, { name, email, subject, message, createdAt }: Message, zone: string): string {
  const text = message.length > QUOTE_LENGTH ? `${message.slice(0, QUOTE_LENGTH)} …` : message;
  const quote = text.split("\n").map((line) => `> ${line}`);
  const body = ["", "", t.wrote(name, formatMomentIn(createdAt, zone)), ...quote].join("\r\n");
  return `mailto:${encodeURIComponent(email)}?subject=${encodeURIComponent(t.replySubject(subject))}&body=${encodeURIComponent(body)}`;
}

const catalog: Catalog<StaffMessagesTexts> = { en: () => import("../../texts/staff-messages.en.ts"), es: () => import("../../texts/staff-messages.es.ts") };
await mountStaff({ catalog, section: "messages", Page: Messages });
