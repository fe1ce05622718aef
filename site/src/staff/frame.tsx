// What surrounds the pages of the console: header and navigation.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Ellipsis, ExternalLink, type IconNode } from "lucide";
import { Logo } from "../components/art.tsx";
import type { FrameProps } from "../components/mount.tsx";
import { OfflineBanner } from "../components/offline.tsx";
import { AccountMenu, LanguageSwitch, LiveRegion } from "../components/shell.tsx";
import { Dialog, SkipLink } from "../components/ui.tsx";
import { useCommon } from "../components/mount.tsx";
import { session } from "../session.ts";
import type { StaffTexts } from "../texts/staff.en.ts";
import type { Language } from "../tools/language.ts";
import { useStore } from "../tools/store.ts";
import { loadStudio, studio, studioName } from "../tools/studio.ts";
import { isInstructor, mayOpen, type StaffUser } from "./access.ts";
import { Icon } from "./icon.tsx";
import { ADMIN_SECTIONS, MAIN_SECTIONS, type SectionName, STUDIO_SECTIONS } from "./sections.ts";

/** Returns the frame of the pages of a section. */
export function makeFrame<T extends { staff: StaffTexts }>(section: SectionName): ComponentType<FrameProps<T>> {
  return ({ language, t, children }) => {
    const common = useCommon();
    useEffect(() => {
      loadStudio().catch(() => {
        // The page is shown without the name, or shows the failure itself.
      });
    }, []);
    useStore(studio);
    return (
      <>
        <SkipLink to="content">{common.skip}</SkipLink>
        <header class="header staff-header">
          <a class="brand" href="/staff" aria-label={`${studioName()}, ${t.staff.navigation}`}>
            <Logo />
            <span class="brand-name">{studioName()}</span>
            <span class="brand-part">{t.staff.console}</span>
          </a>
          <a class="staff-website" href="/" title={t.staff.website}>
            {t.staff.website}
          </a>
          <LanguageSwitch current={language} />
          <AccountMenu />
        </header>
        <OfflineBanner text={t.staff.offline} />
        <LiveRegion />
        <div class="staff-body">
          <Navigation t={t.staff} section={section} language={language} />
          <main id="content" tabIndex={-1}>
            {children}
          </main>
        </div>
      </>
    );
  };
}

interface NavigationProps {
  t: StaffTexts;
  section: SectionName;
  language: Language;
}

/**
 * The sections that the person may open. A phone has the most used ones at the bottom, a tablet
 * a narrow bar at the side, and a laptop all of them.
 */
function Navigation({ t, section, language }: NavigationProps) {
  const current = useStore(session);
  useStore(isInstructor);
  const [isOpen, setOpen] = useState(false);
  const user = current?.user;
  const more = [...STUDIO_SECTIONS, ...ADMIN_SECTIONS].some(({ name }) => name === section);
  return (
    <>
      <nav class="staff-nav" aria-label={t.navigation}>
        {user && (
          <>
            <Sections t={t} user={user} section={section} sections={MAIN_SECTIONS} />
            <Group t={t} user={user} section={section} title={t.studio} sections={STUDIO_SECTIONS} />
            <Group t={t} user={user} section={section} title={t.admin} sections={ADMIN_SECTIONS} />
            {mayOpen(user, "staff") && (
              <button type="button" class="staff-more" aria-haspopup="dialog" data-current={more || undefined} onClick={() => setOpen(true)}>
                <Icon of={Ellipsis} />
                <span>{t.more}</span>
              </button>
            )}
          </>
        )}
      </nav>
      <Dialog title={t.more} isOpen={isOpen} onClose={() => setOpen(false)}>
        {user && (
          <nav class="staff-sheet" aria-label={t.more}>
            <Sections t={t} user={user} section={section} sections={MAIN_SECTIONS.filter(({ access }) => mayOpen(user, access)).slice(4)} />
            <Group t={t} user={user} section={section} title={t.studio} sections={STUDIO_SECTIONS} />
            <Group t={t} user={user} section={section} title={t.admin} sections={ADMIN_SECTIONS} />
            <ul class="plain-list">
              <li>
                <NavLink href="/" icon={ExternalLink} text={t.website} />
              </li>
            </ul>
            <LanguageSwitch current={language} />
          </nav>
        )}
        <p class="actions">
          <button type="button" class="button quiet small" onClick={() => setOpen(false)}>
            {t.close}
          </button>
        </p>
      </Dialog>
    </>
  );
}

interface SectionsProps {
  t: StaffTexts;
  user: StaffUser;
  section: SectionName;
  sections: typeof MAIN_SECTIONS;
}

function Sections({ t, user, section, sections }: SectionsProps) {
  return (
    <ul class="plain-list">
      {sections
        .filter(({ access }) => mayOpen(user, access))
        .map(({ name, href, icon }) => (
          <li key={name}>
            <NavLink href={href} icon={icon} text={t.sections[name]} isCurrent={name === section} />
          </li>
        ))}
    </ul>
  );
}

function Group({ title, ...props }: SectionsProps & { title: string }) {
  if (!props.sections.some(({ access }) => mayOpen(props.user, access))) return null;
  return (
    <section class="staff-group">
      <h2>{title}</h2>
      <Sections {...props} />
    </section>
  );
}

function NavLink({ href, icon, text, isCurrent }: { href: string; icon: IconNode; text: string; isCurrent?: boolean }) {
  return (
    <a href={href} aria-current={isCurrent ? "page" : undefined}>
      <Icon of={icon} />
      <span>{text}</span>
    </a>
  );
}
