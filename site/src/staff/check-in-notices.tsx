// Notices about check-ins whose result was not the expected one.

import { useEffect, useState } from "preact/hooks";
import { followQueue, forgetResults, readQueue, type SentCheckIn } from "../check-ins/queue.ts";
import { Button } from "../components/ui.tsx";
import type { CheckInTexts } from "../texts/check-ins.en.ts";
import { report } from "../tools/action.ts";
import { formatTimeIn } from "../tools/time.ts";

interface Props {
  t: CheckInTexts;
  /** The studio's time zone. */
  zone: string;
  userId: string;
}

/** The results that staff have to know about. They stay until somebody has read them. */
export function CheckInNotices({ t, zone, userId }: Props) {
  const [notices, setNotices] = useState<SentCheckIn[]>([]);
  useEffect(() => {
    const read = () => void readQueue(userId).then(({ sent }) => setNotices(sent.filter(isNotice)), report);
    read();
    return followQueue(read);
  }, [userId]);
  const dismiss = () => {
    forgetResults(userId, notices.map(({ id }) => id)).then(() => setNotices([]), report);
  };
  return (
    <div aria-live="polite">
      {notices.length > 0 && (
        <section class="notices">
          <h2>{t.notices}</h2>
          <ul>
            {notices.map((notice) => (
              <li key={notice.id}>{noticeText(t, zone, notice)}</li>
            ))}
          </ul>
          <Button kind="quiet" size="small" onClick={dismiss}>
            {t.dismiss}
          </Button>
        </section>
      )}
    </div>
  );
}

function isNotice({ result, refusal }: SentCheckIn): boolean {
  return refusal !== null || result?.outcome === "alreadyCheckedIn" || result?.outcome === "rejected";
}

function noticeText(t: CheckInTexts, zone: string, { name, action, result, refusal }: SentCheckIn): string {
  const who = result?.checkedInBy?.name ?? t.someone;
  const time = result?.checkedInAt ? formatTimeIn(result.checkedInAt, zone) : "–";
  if (refusal === "not_own") return result?.checkedInAt ? t.noticeNotUndone(name, who, time) : t.noticeRefused(name);
  if (refusal === "check_in_not_open") return t.noticeNotOpen(name);
  if (refusal === "class_cancelled") return t.noticeClassCancelled(name);
  if (refusal !== null) return t.noticeRefused(name);
  if (result?.outcome === "alreadyCheckedIn") return t.noticeAlready(name, who, time);
  if (action === "undo") return result?.checkedInAt ? t.noticeNotUndone(name, who, time) : t.noticeChanged(name);
  return t.noticeNoPlace(name);
}
