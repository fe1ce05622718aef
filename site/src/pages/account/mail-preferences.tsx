// The e-mails that the member wants. A change of a choice is shown at once, and undone if it cannot
// be saved.

import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Check } from "../../components/form.tsx";
import { ErrorPanel, Skeleton } from "../../components/ui.tsx";
import type { SettingsTexts } from "../../texts/settings.en.ts";
import { attempt, report, say } from "../../tools/action.ts";
import { Part } from "./parts.tsx";
import type { Profile } from "./profile.tsx";

type Preferences = Schema<"MailPreferences">;
type Category = keyof Preferences;

const CATEGORIES: Category[] = ["reminders", "bookings", "waitlist", "schedule", "passes"];

interface Props {
  t: SettingsTexts;
  /** Null while it is loading. */
  profile: Profile | null;
  isFailed: boolean;
  onChange: (profile: Profile) => void;
  onRetry: () => void;
}

export function MailPreferencesPart(props: Props) {
  const { t, profile, onRetry } = props;
  const [preferences, setPreferences] = useState<Preferences | null>(null);
  const [isFailed, setFailed] = useState(false);

  const load = () => {
    setFailed(false);
    call(api.GET("/api/auth/mail-preferences")).then(setPreferences, (failure: unknown) => {
      setFailed(true);
      report(failure);
    });
  };
  useEffect(load, []);

  const retry = () => {
    if (props.isFailed) onRetry();
    if (isFailed) load();
  };
  return (
    <Part id="mails" title={t.mails.title}>
      {preferences && profile ? (
        <MailPreferencesForm
          {...props}
          profile={profile}
          preferences={preferences}
          onChoice={(category, isWanted) => setPreferences((known) => known && { ...known, [category]: isWanted })}
        />
      ) : isFailed || props.isFailed ? (
        <ErrorPanel text={t.failed} onRetry={retry} />
      ) : (
        <Skeleton count={1} height="17rem" />
      )}
    </Part>
  );
}

interface MailPreferencesFormProps extends Props {
  profile: Profile;
  preferences: Preferences;
  onChoice: (category: Category, isWanted: boolean) => void;
}

function MailPreferencesForm({ t, profile, onChange, preferences, onChoice }: MailPreferencesFormProps) {
  const choose = async (category: Category, isWanted: boolean) => {
    onChoice(category, isWanted);
    const isSaved = await attempt(async () => {
      await call(api.PATCH("/api/auth/mail-preferences", { body: { [category]: isWanted } }));
      say((isWanted ? t.mails.categoryIsOn : t.mails.categoryIsOff)(t.mails.categories[category]));
    });
    if (!isSaved) onChoice(category, !isWanted);
  };

  const consent = async (marketingConsent: boolean) => {
    onChange({ ...profile, marketingConsent });
    const isSaved = await attempt(async () => {
      onChange(await call(api.PATCH("/api/auth/me", { body: { marketingConsent } })));
      say(marketingConsent ? t.mails.isOn : t.mails.isOff);
    });
    if (!isSaved) onChange({ ...profile });
  };

  const isChecked = (event: Event) => (event.currentTarget as HTMLInputElement).checked;
  return (
    <>
      <div class="mail-preferences" role="group" aria-label={t.mails.title}>
        {CATEGORIES.map((category) => (
          <Check
            key={category}
            label={t.mails.categories[category]}
            checked={preferences[category]}
            onChange={(event) => void choose(category, isChecked(event))}
          />
        ))}
        <Check label={t.mails.marketing} checked={profile.marketingConsent} onChange={(event) => void consent(isChecked(event))} />
      </div>
      <p class="hint">{t.mails.waitlist}</p>
      <p class="hint">{t.mails.always}</p>
    </>
  );
}
