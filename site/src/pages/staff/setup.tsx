// The first steps of a new studio. They end with a timetable.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Circle, CircleCheck } from "lucide";
import { api, call } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Field, type FormValues } from "../../components/form.tsx";
import { Button, Skeleton } from "../../components/ui.tsx";
import { FormDialog } from "../../staff/dialogs.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { Icon } from "../../staff/icon.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead, useToday } from "../../staff/parts.tsx";
import type { StaffSetupTexts } from "../../texts/staff-setup.en.ts";
import { report, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { loadStudio, type Studio } from "../../tools/studio.ts";
import { ClassTypeFields, readClassType } from "./classes/fields.tsx";
import { ProductFields, readNewProduct } from "./sales/fields.tsx";
import { loadParts, type Parts } from "./schedule/data.ts";
import { AddDialog } from "./schedule/dialogs.tsx";
import "./setup.css";

type Texts = { t: StaffSetupTexts };
type StepName = keyof StaffSetupTexts["steps"];
type Added = keyof StaffSetupTexts["add"];

/** What a studio has so far. */
interface Progress {
  studio: Studio;
  parts: Parts;
  hasWeeklyClass: boolean;
  hasPass: boolean;
}

async function loadProgress(): Promise<Progress> {
  const [studio, parts, weekly, passes] = await Promise.all([
    loadStudio(),
    loadParts(),
    call(api.GET("/api/admin/schedule", { params: { query: { limit: 1 } } })),
    call(api.GET("/api/admin/products", { params: { query: { active: true, limit: 1 } } })),
  ]);
  return { studio, parts, hasWeeklyClass: weekly.items.length > 0, hasPass: passes.items.length > 0 };
}

function Setup({ t }: Texts) {
  const today = useToday();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [adding, setAdding] = useState<Added | null>(null);

  const load = async () => {
    try {
      setProgress(await loadProgress());
      setFailure(null);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
    }
  };
  const reload = () => void load().catch(report);
  useEffect(reload, []);

  const close = () => setAdding(null);
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      {failure && !progress && <FailurePanel text={t.failed} failure={failure} onRetry={reload} />}
      {!failure && !progress && <Skeleton count={6} height="5.5rem" />}
      {progress && <Steps t={t} progress={progress} onAdd={setAdding} />}
      {progress && adding === "weekly" && <AddDialog t={t.schedule} parts={progress.parts} day={today} onClose={close} onChange={reload} />}
      {progress && adding && adding !== "weekly" && <AddPartDialog t={t} part={adding} parts={progress.parts} onClose={close} onAdd={reload} />}
    </div>
  );
}

function Steps({ t, progress: { studio, parts, hasWeeklyClass, hasPass }, onAdd }: Texts & { progress: Progress; onAdd: (added: Added) => void }) {
  const { rooms, instructors, classTypes } = parts;
  const done: Record<StepName, boolean> = {
    studio: true,
    room: rooms.length > 0,
    instructor: instructors.length > 0,
    classType: classTypes.length > 0,
    weekly: hasWeeklyClass,
    pass: hasPass,
    payment: true,
  };
  const names = (items: Array<{ name: string }>) => items.map(({ name }) => name).join(", ");
  const canPlan = done.room && done.instructor && done.classType;
  const add = (added: Added) => (
    <Button size="small" kind={done[added] ? "quiet" : "primary"} onClick={() => onAdd(added)}>
      {t.add[added]}
    </Button>
  );
  const steps: Array<[StepName, ComponentChildren]> = [
    [
      "studio",
      <>
        <p>{t.studioFacts(studio.name, studio.timeZone, studio.currency)}</p>
        <p class="hint">{t.studioHow}</p>
      </>,
    ],
    ["room", <StepParts names={names(rooms)} href="/staff/rooms" more={done.room ? t.more : ""} button={add("room")} />],
    ["instructor", <StepParts names={names(instructors)} href="/staff/instructors" more={done.instructor ? t.more : ""} button={add("instructor")} />],
    ["classType", <StepParts names={names(classTypes)} href="/staff/classes" more={done.classType ? t.more : ""} button={add("classType")} />],
    ["weekly", <StepParts names="" href="/staff/schedule" more={done.weekly ? t.more : ""} button={canPlan && add("weekly")} />],
    ["pass", <StepParts names="" href="/staff/sales?show=products" more={done.pass ? t.more : ""} button={add("pass")} />],
    ["payment", <p>{studio.paymentMethods.includes("card") ? t.cardsOn : t.cardsOff}</p>],
  ];
  const count = Object.values(done).filter(Boolean).length;
  return (
    <>
      <p role="status">{t.progress(count, steps.length)}</p>
      <ol class="plain-list setup-steps">
        {steps.map(([name, content]) => (
          <li key={name} class={done[name] ? "done" : undefined}>
            <span role="img" aria-label={done[name] ? t.done : t.toDo}>
              <Icon of={done[name] ? CircleCheck : Circle} />
            </span>
            <div>
              <h2>{t.steps[name].title}</h2>
              <p class="hint">{t.steps[name].text}</p>
              {content}
            </div>
          </li>
        ))}
      </ol>
      {done.weekly && (
        <div class="setup-end">
          <p>{t.finished}</p>
          <a class="button" href="/timetable">
            {t.toTimetable}
          </a>
        </div>
      )}
    </>
  );
}

/** What is there of a step, and the button for more. */
function StepParts({ names, href, more, button }: { names: string; href: string; more: string; button: ComponentChildren }) {
  return (
    <>
      {names && <p>{names}</p>}
      <p class="actions">
        {button}
        {more && (
          <a class="button quiet small" href={href}>
            {more}
          </a>
        )}
      </p>
    </>
  );
}

interface AddProps extends Texts {
  part: Exclude<Added, "weekly">;
  parts: Parts;
  onClose: () => void;
  onAdd: () => void;
}

/** Adds a room, an instructor, a class type, or a pass. */
function AddPartDialog({ t, part, parts: { classTypes }, onClose, onAdd }: AddProps) {
  const add = async (values: FormValues) => {
    const name = values.text("name");
    if (part === "room") await call(api.POST("/api/admin/rooms", { body: { name } }));
    else if (part === "instructor") await call(api.POST("/api/admin/instructors", { body: { name } }));
    else if (part === "pass") await call(api.POST("/api/admin/products", { body: readNewProduct(t.sales, values) }));
    else await call(api.POST("/api/admin/classes", { body: readClassType(values) }));
    onAdd();
    say(t.added(name));
  };
  return (
    <FormDialog title={t.add[part]} isOpen onClose={onClose} onSend={add}>
      {part === "classType" ? (
        <ClassTypeFields t={t.classes} classType={null} />
      ) : part === "pass" ? (
        <ProductFields t={t.sales} product={null} classTypes={classTypes} />
      ) : (
        <Field name="name" label={t.name} required autoComplete="off" />
      )}
    </FormDialog>
  );
}

const catalog: Catalog<StaffSetupTexts> = { en: () => import("../../texts/staff-setup.en.ts"), es: () => import("../../texts/staff-setup.es.ts") };
await mountStaff({ catalog, section: "setup", Page: Setup });
