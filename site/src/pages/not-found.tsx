// The page for addresses that do not exist.

import { mount } from "../components/mount.tsx";
import { Swirl } from "../components/art.tsx";
import type { NotFoundTexts } from "../texts/not-found.en.ts";
import type { Catalog } from "../tools/language.ts";
import "./not-found.css";

function NotFound({ t }: { t: NotFoundTexts }) {
  return (
    <div class="narrow page not-found">
      <Swirl seed={4} />
      <h1>{t.title}</h1>
      <p class="lead">{t.text}</p>
      <p class="actions">
        <a class="button" href="/">
          {t.home}
        </a>
        <a class="button plain" href="/timetable">
          {t.timetable}
        </a>
      </p>
    </div>
  );
}

const catalog: Catalog<NotFoundTexts> = { en: () => import("../texts/not-found.en.ts"), es: () => import("../texts/not-found.es.ts") };
await mount(catalog, NotFound);
