// The account page: sign-in and registration for visitors, settings for members.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { continueAfterSignIn } from "../classes/intent.ts";
import { type Catalog } from "../tools/language.ts";
import { attempt, clearMessage, say } from "../tools/action.ts";
import { useStore } from "../tools/store.ts";
import { ErrorPanel, Skeleton } from "../components/ui.tsx";
import { mount, useCommon } from "../components/mount.tsx";
import { enterSession, isMemberExpected, loadSession, ownPath, session } from "../session.ts";
import type { AccountTexts } from "../texts/account.en.ts";
import { loadProviders, type Provider, takeProviderFailure } from "./account/providers.ts";
import type { MemberProps } from "./account/member.tsx";
import { CodeForm, type FormName, ForgotForm, RegisterForm, Sent, SignInForm } from "./account/visitor.tsx";
import "./account/account.css";

const FORMS: FormName[] = ["sign-in", "register", "forgot", "two-factor"];

/** The path to go to after the sign-in. A code may be asked for after a redirect. */
const next = ownPath(new URLSearchParams(location.search).get("next")) ?? pathAfterCode();

function pathAfterCode(): string | null {
  const [, encoded] = /^#two-factor=(.+)$/.exec(location.hash) ?? [];
  try {
    return encoded ? ownPath(decodeURIComponent(encoded)) : null;
  } catch {
    // The address is not one of ours.
    return null;
  }
}

function wantedForm(): FormName {
  return FORMS.find((name) => location.hash.split("=")[0] === `#${name}`) ?? "sign-in";
}

/** Loads the settings, which visitors do not need. */
const loadSettings = () => import("./account/member.tsx");

if (isMemberExpected()) {
  loadSettings().catch(() => {
    // The page loads them again when it knows who is signed in.
  });
}

function Account({ t }: { t: AccountTexts }) {
  const common = useCommon();
  const current = useStore(session);
  const [isFailed, setFailed] = useState(false);
  const [form, setForm] = useState(wantedForm());
  const [providers, setProviders] = useState<Provider[]>([]);
  const [email, setEmail] = useState("");
  const [challenge, setChallenge] = useState<string | null>(null);
  const [sent, setSent] = useState<string | null>(null);
  const [isIncomplete, setIncomplete] = useState(false);
  const [MemberView, setMemberView] = useState<ComponentType<MemberProps> | null>(null);

  const start = () =>
    attempt(async () => {
      setFailed(false);
      try {
        await Promise.all([loadSession(), loadProviders().then(setProviders)]);
      } catch (failure) {
        setFailed(true);
        throw failure;
      }
    });

  useEffect(() => {
    const refused = takeProviderFailure(t);
    void start().then(() => {
      if (refused) say(refused, true);
    });
    const follow = () => {
      clearMessage();
      setSent(null);
      setForm(wantedForm());
    };
    // A page from the back-forward cache may show an ended session.
    const show = (event: PageTransitionEvent) => event.persisted && void start();
    addEventListener("hashchange", follow);
    addEventListener("pageshow", show);
    return () => {
      removeEventListener("hashchange", follow);
      removeEventListener("pageshow", show);
    };
  }, []);

  const isMember = Boolean(current);
  useEffect(() => {
    if (!isMember) return;
    let isCurrent = true;
    loadSettings().then(
      (settings) => isCurrent && setMemberView(() => settings.MemberView),
      () => isCurrent && setIncomplete(true),
    );
    return () => {
      isCurrent = false;
    };
  }, [isMember]);

  const goTo = (name: FormName) => {
    history.pushState(null, "", `#${name}`);
    setSent(null);
    setForm(name);
  };

  const enter = async () => {
    setChallenge(null);
    const isBooking = continueAfterSignIn(next ?? location.pathname);
    if (next) {
      const entered = await enterSession();
      // The home page has nothing for the work of staff.
      location.assign(next === "/" && entered?.user.isStaff && !isBooking ? "/staff" : next);
      return;
    }
    history.replaceState(null, "", location.pathname);
    setForm("sign-in");
    await enterSession();
  };

  const showSent = (sentence: string) => {
    history.replaceState(null, "", location.pathname + location.search);
    setForm("sign-in");
    setSent(sentence);
  };

  // A signed-in member may also have to enter a code, to confirm a sign-in.
  const isSettings = current && form !== "two-factor";
  if (isFailed) {
    return (
      <div class="narrow page">
        <h1 class="page-title">{t.title}</h1>
        <ErrorPanel text={t.unknown} onRetry={start} />
      </div>
    );
  }
  if (isSettings && isIncomplete) {
    return (
      <div class="narrow page">
        <h1 class="page-title">{t.title}</h1>
        <ErrorPanel text={common.pageFailed} onRetry={() => location.reload()} />
      </div>
    );
  }
  if (current === undefined || (isSettings && !MemberView)) {
    return (
      <div class="narrow page">
        <Skeleton count={1} height="26rem" />
      </div>
    );
  }
  if (isSettings && MemberView) return <MemberView key={current.user.id} t={t} current={current} providers={providers} />;
  return (
    <div class="narrow page">
      {sent !== null ? (
        <Sent t={t} sentence={sent} />
      ) : form === "two-factor" ? (
        <CodeForm
          t={t}
          challenge={challenge}
          onEnter={enter}
          onOver={() => {
            setChallenge(null);
            goTo("sign-in");
          }}
        />
      ) : form === "register" ? (
        <RegisterForm t={t} onEnter={enter} onSent={showSent} />
      ) : form === "forgot" ? (
        <ForgotForm t={t} email={email} onSent={showSent} />
      ) : (
        <SignInForm
          t={t}
          next={next}
          providers={providers}
          onEmail={setEmail}
          onEnter={enter}
          onCode={(token) => {
            setChallenge(token);
            goTo("two-factor");
          }}
        />
      )}
    </div>
  );
}

const catalog: Catalog<AccountTexts> = { en: () => import("../texts/account.en.ts"), es: () => import("../texts/account.es.ts") };
await mount(catalog, Account);
