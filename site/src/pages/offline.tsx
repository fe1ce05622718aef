// The page that the service worker shows without a connection, instead of one that it has not
// kept. It has the address of that page.

import { mount, useCommon } from "../components/mount.tsx";
import { Button } from "../components/ui.tsx";
import type { OfflineTexts } from "../texts/offline.en.ts";
import { canReach, setOffline, whenOnline } from "../tools/connection.ts";
import type { Catalog } from "../tools/language.ts";

function Offline({ t }: { t: OfflineTexts }) {
  const common = useCommon();
  const links = [
    { href: "/timetable", text: common.timetable },
    { href: "/bookings", text: common.bookings },
    { href: "/classes", text: common.classes },
    { href: "/instructors", text: common.instructors },
    { href: "/shop", text: common.passes },
  ];
  return (
    <div class="narrow page">
      <h1 class="page-title">{t.title}</h1>
      <p class="lead">{t.text}</p>
      <ul>
        {links.map(({ href, text }) => (
          <li key={href}>
            <a href={href}>{text}</a>
          </li>
        ))}
      </ul>
      <p class="actions">
        <Button onClick={() => location.reload()}>{t.retry}</Button>
      </p>
    </div>
  );
}

/** Opens the wanted page as soon as the server can be reached. */
function openWhenOnline(): void {
  // The server was not reached, whatever the browser says about its network.
  setOffline(true);
  // A reload would take back a link that was just followed.
  let isLeaving = false;
  addEventListener("beforeunload", () => (isLeaving = true));
  addEventListener("pageshow", () => (isLeaving = false));
  whenOnline(async () => {
    // The API may be reached earlier than the page. A reload would then show this page again.
    const isThere = await canReach(location.href);
    if (!isThere) setOffline(true);
    else if (!isLeaving) location.reload();
  });
}

// Under its own address, it stands for no other page.
if (location.pathname !== "/offline") openWhenOnline();

const catalog: Catalog<OfflineTexts> = { en: () => import("../texts/offline.en.ts"), es: () => import("../texts/offline.es.ts") };
await mount(catalog, Offline);
