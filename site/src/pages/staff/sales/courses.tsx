// The classes of a course, and who is in it.

import { useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { Check, Field, Form, type FormValues, Select } from "../../../components/form.tsx";
import { Button, Empty, Skeleton } from "../../../components/ui.tsx";
import { FailurePanel } from "../../../staff/failure-panel.tsx";
import { useList } from "../../../staff/lists.ts";
import { Money, PageHead, useToday } from "../../../staff/parts.tsx";
import type { Product } from "../../../staff/shop.ts";
import { type Column, DataTable } from "../../../staff/table.tsx";
import type { StaffSalesTexts } from "../../../texts/staff-sales.en.ts";
import { say } from "../../../tools/action.ts";
import { useLoad } from "../../../tools/load.ts";
import { useStore } from "../../../tools/store.ts";
import { studio } from "../../../tools/studio.ts";
import { addDays, formatDay, formatMomentIn, formatTime } from "../../../tools/time.ts";

type Texts = { t: StaffSalesTexts };
type Course = Schema<"StaffCourse">;
type Member = Schema<"CourseMember">;

/** A class that can be part of the course. */
type Candidate = Pick<Schema<"Occurrence">, "id" | "title" | "localDate" | "localTime" | "isCancelled" | "course">;

/** The most days for which classes are found at once. */
const DAYS_MAX = 92;

export function Courses({ t, views }: Texts & { views: preact.JSX.Element }) {
  const load = async () => {
    const products = await readAllPages<Product>((query) => call(api.GET("/api/admin/products", { params: { query } })));
    return products.filter(({ kind }) => kind === "course");
  };
  const { loaded, failure, reload } = useLoad(load);
  const [chosen, setChosen] = useState(new URLSearchParams(location.search).get("course"));
  const choose = (next: string) => {
    history.replaceState(null, "", `/staff/sales?show=courses&course=${next}`);
    setChosen(next);
  };
  const id = loaded?.some((product) => product.id === chosen) ? chosen : (loaded?.[0]?.id ?? null);
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.courses.hint} />
      <div class="toolbar">{views}</div>
      {failure ? (
        <FailurePanel text={t.courses.failed} failure={failure} onRetry={reload} />
      ) : !loaded ? (
        <Skeleton count={4} height="3rem" />
      ) : !id ? (
        <Empty text={t.courses.none} />
      ) : (
        <>
          <Select name="course" label={t.courses.course} defaultValue={id} onChange={choose} options={loaded.map(({ id, name }) => [id, name] as const)} />
          <CourseParts key={id} t={t} id={id} />
        </>
      )}
    </div>
  );
}

function CourseParts({ t, id }: Texts & { id: string }) {
  const { loaded, failure, reload } = useLoad(() => call(api.GET("/api/admin/course-classes", { params: { query: { courseId: id } } })));
  if (failure) return <FailurePanel text={t.courses.courseFailed} failure={failure} onRetry={reload} />;
  if (!loaded) return <Skeleton count={4} height="3rem" />;
  return (
    <div class="course-parts">
      <h2>{t.courses.classes}</h2>
      <Classes t={t} course={loaded} />
      <h2>{t.courses.members}</h2>
      <Members t={t} id={id} />
    </div>
  );
}

function labelOf({ courses: t }: StaffSalesTexts, { title, localDate, localTime, isCancelled }: Candidate): string {
  const day = formatDay(localDate, { weekday: "short", month: "short", day: "numeric", year: "numeric" });
  return `${day}, ${formatTime(localTime)} · ${title}${isCancelled ? ` (${t.cancelled})` : ""}`;
}

function Classes({ t, course: first }: Texts & { course: Course }) {
  const [course, setCourse] = useState(first);
  const [found, setFound] = useState<Candidate[]>([]);
  const [chosen, setChosen] = useState(course.classes.map(({ id }) => id));
  const own = course.classes.map((one): Candidate => ({ ...one, course: null }));
  if (course.isSold) {
    return (
      <>
        <p class="hint">{t.courses.isSold}</p>
        <ul>
          {own.map((one) => (
            <li key={one.id}>{labelOf(t, one)}</li>
          ))}
        </ul>
      </>
    );
  }
  const known = [...own, ...found.filter(({ id }) => !own.some((one) => one.id === id))].sort((one, other) => `${one.localDate} ${one.localTime}`.localeCompare(`${other.localDate} ${other.localTime}`));
  const toggle = (id: string) => setChosen((ids) => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]));
  const save = async () => {
    const saved = await call(api.PUT("/api/admin/course-classes", { body: { courseId: course.id, classIds: chosen } })).catch((failure: unknown) => {
      throw failure instanceof Failure && failure.code === "validation_failed" ? new Failure(t.courses.notPossible) : failure;
    });
    setCourse(saved);
    setChosen(saved.classes.map(({ id }) => id));
    setFound([]);
    say(t.courses.saved(saved.classes.length));
  };
  return (
    <>
      <Finder
        t={t}
        courseId={course.id}
        onFound={(classes, areChosen) => {
          // What was chosen before stays.
          setFound((before) => [...before.filter(({ id }) => chosen.includes(id) && !classes.some((one) => one.id === id)), ...classes]);
          if (areChosen) setChosen((ids) => [...new Set([...ids, ...classes.filter((one) => !one.course).map(({ id }) => id)])]);
        }}
      />
      {known.length === 0 ? (
        <p class="hint">{t.courses.noClasses}</p>
      ) : (
        <Form onSend={save}>
          <div class="class-types" role="group" aria-label={t.courses.classes}>
            {known.map((one) =>
              one.course ? (
                <span key={one.id} class="hint">
                  {labelOf(t, one)}, {t.courses.ofOther(one.course.name)}
                </span>
              ) : (
                <Check key={one.id} label={labelOf(t, one)} checked={chosen.includes(one.id)} onChange={() => toggle(one.id)} />
              ),
            )}
          </div>
          <p class="actions">
            <Button type="submit">{t.courses.save}</Button>
          </p>
        </Form>
      )}
    </>
  );
}

/** Finds the classes of some days: all of them, or those of one weekly class, which are then chosen. */
function Finder({ t, courseId, onFound }: Texts & { courseId: string; onFound: (found: Candidate[], areChosen: boolean) => void }) {
  const today = useToday();
  const [all, setAll] = useState<Candidate[]>([]);
  const weeklyClassOf = ({ title, localDate, localTime }: Candidate) => t.courses.weeklyClass(title, formatDay(localDate, { weekday: "long" }), formatTime(localTime));
  const weeklyClasses = [...new Set(all.map(weeklyClassOf))].sort();
  const find = async (values: FormValues) => {
    const [from, to] = [values.text("from"), values.text("to")];
    if (addDays(from, DAYS_MAX) <= to) throw new Failure(t.courses.tooLong);
    const items = await readAllPages<Schema<"Occurrence">>((query) => call(api.GET("/api/classes/schedule", { params: { query: { ...query, from, to } } })));
    const open = items.filter(({ isCancelled, startTime, course }) => !isCancelled && Date.parse(startTime) > Date.now() && course?.id !== courseId);
    if (open.length === 0) throw new Failure(t.courses.noneFound);
    setAll(open);
    onFound(open, false);
  };
  return (
    <>
      <Form onSend={find}>
        <div class="toolbar">
          <Field name="from" type="date" label={t.courses.from} required defaultValue={today} />
          <Field name="to" type="date" label={t.courses.to} required defaultValue={addDays(today, 55)} />
          <Button type="submit" kind="soft">
            {t.courses.find}
          </Button>
        </div>
      </Form>
      {weeklyClasses.length > 0 && (
        <Select
          name="weeklyClass"
          label={t.courses.weekly}
          onChange={(chosen) => onFound(all.filter((one) => chosen === "" || weeklyClassOf(one) === chosen), chosen !== "")}
          options={[["", t.courses.all], ...weeklyClasses.map((text) => [text, text] as const)]}
        />
      )}
    </>
  );
}

function Members({ t, id }: Texts & { id: string }) {
  const zone = useStore(studio)?.timeZone;
  const list = useList<Member>(id, (cursor) => call(api.GET("/api/admin/course-members", { params: { query: { courseId: id, ...(cursor ? { cursor } : {}) } } })));
  return <DataTable caption={t.courses.members} columns={columnsOf(t, zone)} list={list} rowKey={({ orderId }) => orderId} failed={t.courses.membersFailed} empty={<Empty text={t.courses.noMembers} />} />;
}

function columnsOf({ courses: t }: StaffSalesTexts, zone: string | undefined): Array<Column<Member>> {
  return [
    {
      key: "member",
      label: t.columns.member,
      isTitle: true,
      cell: ({ userId, name, orderState }) => (
        <>
          <a href={`/staff/members/${userId}`}>{name}</a> {orderState === "open" && <span class="tag warn">{t.notPaid}</span>}
        </>
      ),
    },
    { key: "left", label: t.columns.left, isNumber: true, cell: ({ classesLeft }) => classesLeft },
    { key: "amount", label: t.columns.amount, isNumber: true, cell: ({ amount, currency }) => <Money amount={amount} currency={currency} /> },
    { key: "ordered", label: t.columns.ordered, cell: ({ orderedAt }) => formatMomentIn(orderedAt, zone) },
  ];
}
