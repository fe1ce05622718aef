// The contact form.

import { useEffect, useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Field, Form, TextArea } from "../components/form.tsx";
import { StudioAddress } from "../components/address.tsx";
import { mount } from "../components/mount.tsx";
import { Result } from "../components/result.tsx";
import { Button, Card } from "../components/ui.tsx";
import { session } from "../session.ts";
import type { ContactTexts } from "../texts/contact.en.ts";
import type { Catalog } from "../tools/language.ts";
import { studio } from "../tools/studio.ts";
import { useStore } from "../tools/store.ts";
import "./contact.css";

function Contact({ t }: { t: ContactTexts }) {
  const [isSent, setSent] = useState(false);
  const member = useStore(session);
  const email = useStore(studio)?.email;

  useEffect(() => {
    if (isSent) scrollTo(0, 0);
  }, [isSent]);

  if (isSent) {
    return (
      <Result title={t.sentTitle}>
        <p class="lead">{t.sentText}</p>
        <p class="actions">
          <Button kind="plain" onClick={() => setSent(false)}>
            {t.another}
          </Button>
        </p>
      </Result>
    );
  }
  return (
    <div class="wide page contact">
      <div>
        <h1>{t.headline}</h1>
        <p class="lead">{t.lead}</p>
        <h2>{t.whereTitle}</h2>
        <StudioAddress />
        <p class="email">{email && <a href={`mailto:${email}`}>{email}</a>}</p>
        <h2>{t.faqTitle}</h2>
        {t.faq.map(({ question, answer }) => (
          <details key={question} class="faq">
            <summary>{question}</summary>
            <p>{answer}</p>
          </details>
        ))}
      </div>
      <Card>
        <Form
          onSend={async (values) => {
            const phone = values.optional("phone");
            const body = {
              name: values.text("name"),
              email: values.text("email"),
              subject: values.text("subject"),
              message: values.text("message"),
              // People do not see this field.
              website: values.text("website"),
              ...(phone ? { phone } : {}),
            };
            await call(api.POST("/api/contact/submit", { body }));
            setSent(true);
          }}
        >
          <Field name="name" label={t.name} autoComplete="name" defaultValue={member?.user.name ?? ""} required />
          <Field name="email" label={t.email} type="email" autoComplete="email" defaultValue={member?.user.email ?? ""} required />
          <Field name="phone" label={t.phone} type="tel" autoComplete="tel" />
          <Field name="subject" label={t.subject} required />
          <TextArea name="message" label={t.message} required />
          <div hidden>
            <input name="website" tabIndex={-1} autoComplete="off" aria-hidden="true" />
          </div>
          <Button type="submit">{t.send}</Button>
        </Form>
      </Card>
    </div>
  );
}

const catalog: Catalog<ContactTexts> = { en: () => import("../texts/contact.en.ts"), es: () => import("../texts/contact.es.ts") };
await mount(catalog, Contact);
