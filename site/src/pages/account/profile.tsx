// The member's details, what to know in an emergency, and the language.

import type { JSX } from "preact";
import { api, call, type Schema } from "../../api/client.ts";
import { Field, Form, type FormValues, Select, TextArea } from "../../components/form.tsx";
import { Button, ErrorPanel, Skeleton } from "../../components/ui.tsx";
import { loadSession, switchLanguage } from "../../session.ts";
import type { SettingsTexts } from "../../texts/settings.en.ts";
import { say } from "../../tools/action.ts";
import { language, LANGUAGES } from "../../tools/language.ts";
import { useStore } from "../../tools/store.ts";
import { MailPreferencesPart } from "./mail-preferences.tsx";
import { Part } from "./parts.tsx";

export type Profile = Schema<"Profile">;
type Changes = Schema<"UpdateProfile">;

interface Props {
  t: SettingsTexts;
  /** Null while it is loading. */
  profile: Profile | null;
  isFailed: boolean;
  onChange: (profile: Profile) => void;
  onRetry: () => void;
}

async function save(changes: Changes): Promise<Profile> {
  return call(api.PATCH("/api/auth/me", { body: changes }));
}

/** What is left empty is cleared. */
function given(values: FormValues, name: string): string | null {
  return values.optional(name) ?? null;
}

export function ProfileParts(props: Props) {
  const { t, profile, isFailed, onRetry } = props;
  // The forms are filled in once, when the profile is there.
  const content = (show: (profile: Profile) => JSX.Element, height: string) =>
    profile ? show(profile) : isFailed ? <ErrorPanel text={t.failed} onRetry={onRetry} /> : <Skeleton count={1} height={height} />;
  return (
    <>
      <Part id="profile" title={t.profile.title}>
        {content((known) => <ProfileForm {...props} profile={known} />, "29rem")}
      </Part>
      <Part id="emergency" title={t.emergency.title}>
        {content((known) => <EmergencyForm {...props} profile={known} />, "29rem")}
      </Part>
      <MailPreferencesPart {...props} />
    </>
  );
}

type FormProps = Props & { profile: Profile };

function ProfileForm({ t, profile, onChange }: FormProps) {
  const { levels } = t.profile;
  return (
    <Form
      onSend={async (values) => {
        const changes = {
          firstName: values.text("firstName"),
          lastName: values.text("lastName"),
          phone: given(values, "phone"),
          dateOfBirth: given(values, "dateOfBirth"),
          experienceLevel: values.text("experienceLevel") as Profile["experienceLevel"],
        };
        onChange(await save(changes));
        // The header shows the name.
        await loadSession();
        say(t.saved);
      }}
    >
      <div class="pair">
        <Field name="firstName" label={t.profile.firstName} autoComplete="given-name" defaultValue={profile.firstName} required />
        <Field name="lastName" label={t.profile.lastName} autoComplete="family-name" defaultValue={profile.lastName} />
      </div>
      <Field name="phone" label={t.profile.phone} hint={t.profile.phoneHint} type="tel" autoComplete="tel" defaultValue={profile.phone ?? ""} />
      <div class="pair">
        <Field name="dateOfBirth" label={t.profile.dateOfBirth} type="date" autoComplete="bday" defaultValue={profile.dateOfBirth ?? ""} />
        <Select
          name="experienceLevel"
          label={t.profile.level}
          defaultValue={profile.experienceLevel}
          options={Object.entries(levels)}
        />
      </div>
      <Button type="submit">{t.save}</Button>
    </Form>
  );
}

function EmergencyForm({ t, profile, onChange }: FormProps) {
  return (
    <Form
      onSend={async (values) => {
        const conditions = given(values, "medicalConditions");
        const changes = {
          emergencyContactName: given(values, "emergencyContactName"),
          emergencyContactPhone: given(values, "emergencyContactPhone"),
          // What cannot be read now may be readable later, so an empty field does not erase it.
          ...(profile.medicalConditionsUnreadable && conditions === null ? {} : { medicalConditions: conditions }),
        };
        onChange(await save(changes));
        say(t.saved);
      }}
    >
      <p class="hint">{t.emergency.lead}</p>
      <Field name="emergencyContactName" label={t.emergency.name} autoComplete="off" defaultValue={profile.emergencyContactName ?? ""} />
      <Field
        name="emergencyContactPhone"
        label={t.emergency.phone}
        type="tel"
        autoComplete="off"
        defaultValue={profile.emergencyContactPhone ?? ""}
      />
      {profile.medicalConditionsUnreadable && <p class="problem">{t.emergency.unreadable}</p>}
      <TextArea
        name="medicalConditions"
        label={t.emergency.conditions}
        hint={t.emergency.conditionsHint}
        maxLength={2000}
        defaultValue={profile.medicalConditions ?? ""}
      />
      <Button type="submit">{t.save}</Button>
    </Form>
  );
}

export function LanguagePart({ t }: { t: SettingsTexts }) {
  const current = useStore(language);
  return (
    <Part id="language" title={t.language.title}>
      <p>{t.language.lead}</p>
      <div class="choices" role="radiogroup" aria-label={t.language.title}>
        {LANGUAGES.map(({ code, name }) => (
          <label key={code} class="check" lang={code}>
            <input type="radio" name="language" checked={code === current} onChange={() => switchLanguage(code)} />
            <span>{name}</span>
          </label>
        ))}
      </div>
    </Part>
  );
}
