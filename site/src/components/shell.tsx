// What surrounds each page: skip link, header, offline banner, live region and footer.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { checkSession, forgetSession, loadSession, session, signInAddress, signOut, switchLanguage, whenSignedOutElsewhere } from "../session.ts";
import { attempt, clearMessage, message, offerRemedy, progress, report, say } from "../tools/action.ts";
import { requestLink } from "../tools/confirmation.ts";
import { useReload } from "../tools/connection.ts";
import { type Language, LANGUAGES } from "../tools/language.ts";
import { useMenu } from "../tools/menu.ts";
import { useStore } from "../tools/store.ts";
import { loadStudio, studio, studioName } from "../tools/studio.ts";
import { StudioAddress } from "./address.tsx";
import { Logo } from "./art.tsx";
import { useCommon } from "./mount.tsx";
import { OfflineBanner } from "./offline.tsx";
import { SkipLink } from "./ui.tsx";

interface Props {
  language: Language;
  children: ComponentChildren;
}

export function Shell({ language, children }: Props) {
  const t = useCommon();

  useEffect(() => {
    loadStudio().catch(() => {
      // The page is shown without the address.
    });
  }, []);

  return (
    <>
      <SkipLink to="content">{t.skip}</SkipLink>
      <Header language={language} />
      <OfflineBanner />
      <LiveRegion />
      <Progress />
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <footer class="footer">
        <div class="wide footer-content">
          <div>
            <StudioAddress withName />
            <p class="hint">{t.footer}</p>
          </div>
          <ul class="plain-list footer-links">
            <li>
              <a href="/timetable">{t.timetable}</a>
            </li>
            <li>
              <a href="/classes">{t.classes}</a>
            </li>
            <li>
              <a href="/instructors">{t.instructors}</a>
            </li>
            <li>
              <a href="/shop">{t.passes}</a>
            </li>
            <li>
              <a href="/contact">{t.contact}</a>
            </li>
            <li>
              <a href="/docs">{t.forDevelopers}</a>
            </li>
          </ul>
        </div>
      </footer>
    </>
  );
}

function Header({ language }: { language: Language }) {
  const t = useCommon();
  useStore(studio);
  const name = studioName();
  const links = [
    { href: "/timetable", text: t.timetable },
    { href: "/classes", text: t.classes },
    { href: "/instructors", text: t.instructors },
    { href: "/shop", text: t.passes },
    { href: "/contact", text: t.contact },
  ];
  return (
    <header class="header">
      <div class="wide header-content">
        <a class="brand" href="/" aria-label={`${name}, ${t.home}`}>
          <Logo />
          <span>{name}</span>
        </a>
        <nav class="main-nav" aria-label={t.main}>
          {links.map(({ href, text }) => (
            <a key={href} href={href} aria-current={isCurrent(href) ? "page" : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <LanguageSwitch current={language} />
        <AccountMenu />
      </div>
    </header>
  );
}

function isCurrent(href: string): boolean {
  return location.pathname === href || location.pathname.startsWith(`${href}/`);
}

export function LanguageSwitch({ current }: { current: Language }) {
  const t = useCommon();
  const offered = useStore(studio)?.languages;
  return (
    <div class="languages" role="group" aria-label={t.language}>
      {LANGUAGES.filter(({ code }) => offered?.includes(code) ?? true).map(({ code, name }) => (
        <button
          key={code}
          type="button"
          lang={code}
          aria-label={name}
          aria-pressed={code === current}
          onClick={() => switchLanguage(code)}
        >
          {code.toUpperCase()}
        </button>
      ))}
    </div>
  );
}

export function AccountMenu() {
  const t = useCommon();
  const current = useStore(session);
  const menu = useMenu();

  useEffect(() => {
    // Pages that need the member show the failure themselves.
    loadSession().catch(() => session.set(undefined));
  }, []);
  // What was kept about the session may be out of date.
  useReload(() => checkSession().catch(report));

  useEffect(() => {
    whenSignedOutElsewhere(() => {
      forgetSession();
      say(t.signedOutElsewhere);
    });
  }, [t]);

  if (current === undefined) return <span class="account-menu" />;
  if (current === null) {
    return (
      <a class="button small account-menu" href={signInAddress()}>
        {t.signIn}
      </a>
    );
  }
  const { firstName } = current.user;
  const leave = () =>
    attempt(async () => {
      await signOut();
      say(t.signedOut);
    });
  return (
    <details class="menu account-menu" ref={menu}>
      <summary aria-label={t.accountOf(firstName)}>
        <span class="avatar" aria-hidden="true">
          {firstName.slice(0, 1).toUpperCase()}
        </span>
        <span class="menu-name">{firstName}</span>
      </summary>
      <ul class="plain-list">
        <li>
          <a href="/bookings">{t.bookings}</a>
        </li>
        <li>
          <a href="/account">{t.account}</a>
        </li>
        {current.user.isStaff && (
          <li>
            <a href="/staff">{t.staff}</a>
          </li>
        )}
        <li>
          <button type="button" onClick={leave}>
            {t.signOut}
          </button>
        </li>
      </ul>
    </details>
  );
}

/** Lets the message about an address that is not confirmed send another link. */
function useConfirmationRemedy(): void {
  const t = useCommon();
  useEffect(() => {
    const run = () =>
      attempt(async () => {
        say(t.sendingLink);
        await requestLink(t);
      });
    offerRemedy("email_not_verified", { text: t.sendLink, run });
  }, [t]);
}

/** Tells screen readers what the running action does. Others see it on the button. */
function Progress() {
  return (
    <p class="unseen" role="status">
      {useStore(progress)}
    </p>
  );
}

/**
 * Makes an element the next stop of the Tab key after that which has the focus, and then leads
 * back, as if it stood there. Otherwise a message would be reached only after the whole page.
 */
function useTabStop(isActive: boolean) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isActive) return;
    let origin: Element | null = null;
    const leadBack = () => origin instanceof HTMLElement && origin.isConnected && origin.focus();
    const listen = (event: KeyboardEvent) => {
      const stops = Array.from(element.current?.querySelectorAll<HTMLElement>("a, button") ?? []);
      const at = stops.indexOf(document.activeElement as HTMLElement);
      if (event.key === "Escape" && at >= 0) {
        leadBack();
        clearMessage();
      }
      if (event.key !== "Tab" || document.querySelector("dialog[open]")) return;
      if (at < 0) {
        if (event.shiftKey || (origin && document.activeElement !== origin)) return;
        origin = document.activeElement;
        stops[0]?.focus();
        event.preventDefault();
      } else if (at === (event.shiftKey ? 0 : stops.length - 1)) {
        leadBack();
        // The browser itself goes on from there.
        if (event.shiftKey) event.preventDefault();
      }
    };
    const close = (event: Event) => {
      if (event.target instanceof HTMLButtonElement && element.current?.contains(event.target)) leadBack();
    };
    const region = element.current;
    document.addEventListener("keydown", listen);
    // Before the button removes itself with the message.
    region?.addEventListener("click", close, true);
    return () => {
      document.removeEventListener("keydown", listen);
      region?.removeEventListener("click", close, true);
    };
  }, [isActive]);
  return element;
}

/**
 * The message about the last action. It is never hidden: some screen readers do not
 * announce a live region that appears together with its text.
 */
export function LiveRegion() {
  const t = useCommon();
  useConfirmationRemedy();
  const { text, isProblem, requestId, links, next } = useStore(message);
  const element = useTabStop(links.length > 0 || next !== null);
  const run = async () => {
    await next?.run();
    // The button is gone with its message.
    if (document.activeElement === document.body) element.current?.querySelector("button")?.focus();
  };
  return (
    <div ref={element} id="message" class={isProblem ? "message problem-message" : "message"} role="status">
      {text && (
        <>
          <p>
            {text}
            {requestId && <small>{t.request(requestId)}</small>}
            {links.length > 0 && (
              <span class="message-links">
                {links.map(({ href, text, download }) => (
                  <a key={href} href={href} download={download}>
                    {text}
                  </a>
                ))}
              </span>
            )}
          </p>
          {next && (
            <button type="button" class="next" onClick={() => void run()}>
              {next.text}
            </button>
          )}
          <button type="button" class="close" aria-label={t.close} onClick={clearMessage}>
            ×
          </button>
        </>
      )}
    </div>
  );
}
