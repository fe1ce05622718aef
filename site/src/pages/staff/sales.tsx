// What was sold at the desk, and the products.

import { useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import { Empty, Skeleton } from "../../components/ui.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { useList } from "../../staff/lists.ts";
import { type Membership, MembershipTable } from "../../staff/memberships.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { OrderTable } from "../../staff/orders.tsx";
import { Money, PageHead, Segments } from "../../staff/parts.tsx";
import type { Order, Product } from "../../staff/shop.ts";
import { StudioList } from "../../staff/studio-list.tsx";
import type { Column } from "../../staff/table.tsx";
import type { StaffSalesTexts } from "../../texts/staff-sales.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { useLoad } from "../../tools/load.ts";
import { Courses } from "./sales/courses.tsx";
import { ProductFields, readNewProduct, readProduct } from "./sales/fields.tsx";
import { PromoCodes } from "./sales/promo-codes.tsx";

type Texts = { t: StaffSalesTexts };
const VIEWS = ["orders", "memberships", "courses", "products", "promo-codes"] as const;
type View = (typeof VIEWS)[number];

function readView(): View {
  const wanted = new URLSearchParams(location.search).get("show");
  return VIEWS.find((view) => view === wanted) ?? "orders";
}

function Sales({ t }: Texts) {
  const [view, setView] = useState(readView());
  const show = (next: View) => {
    history.replaceState(null, "", next === "orders" ? "/staff/sales" : `/staff/sales?show=${next}`);
    setView(next);
  };
  const views = (
    <Segments<View>
      label={t.show}
      value={view}
      options={[
        ["orders", t.orders],
        ["memberships", t.till.memberships.title],
        ["courses", t.courses.show],
        ["products", t.products],
        ["promo-codes", t.promoCodes],
      ]}
      onChange={show}
    />
  );
  if (view === "memberships") return <Memberships t={t} views={views} />;
  if (view === "courses") return <Courses t={t} views={views} />;
  if (view === "products") return <Products t={t} views={views} />;
  if (view === "promo-codes") return <PromoCodes t={t} views={views} />;
  return <Orders t={t} views={views} />;
}

interface ViewProps extends Texts {
  views: preact.JSX.Element;
}

function Orders({ t, views }: ViewProps) {
  const list = useList<Order>("", (cursor) => call(api.GET("/api/admin/orders", { params: { query: cursor ? { cursor } : {} } })));
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      <div class="toolbar">{views}</div>
      <OrderTable
        t={t.till}
        caption={t.orders}
        list={list}
        hasMembers
        empty={
          <Empty text={t.noOrders}>
            <a class="button" href="/staff/members">
              {t.toMembers}
            </a>
          </Empty>
        }
      />
    </div>
  );
}

function Memberships({ t, views }: ViewProps) {
  const list = useList<Membership>("", (cursor) => call(api.GET("/api/admin/memberships", { params: { query: cursor ? { cursor } : {} } })));
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.membershipsHint} />
      <div class="toolbar">{views}</div>
      <MembershipTable t={t.till} list={list} hasMembers />
    </div>
  );
}

function Products({ t, views }: ViewProps) {
  return (
    <StudioList<Product>
      t={t.list}
      texts={t}
      views={views}
      columns={columnsOf(t)}
      fields={(product) => <Fields t={t} product={product} />}
      load={(query) => call(api.GET("/api/admin/products", { params: { query } }))}
      create={(values) => call(api.POST("/api/admin/products", { body: readNewProduct(t, values) }))}
      update={(product, values) => call(api.PATCH("/api/admin/products", { body: { id: product.id, ...readProduct(t, product, values) } }))}
      retire={async (id) => {
        await call(api.PATCH("/api/admin/products", { body: { id, isActive: false } }));
        return { success: true, activePatterns: 0, comingClasses: 0 };
      }}
      reactivate={(id) => call(api.PATCH("/api/admin/products", { body: { id, isActive: true } }))}
    />
  );
}

/** The fields of a product, when the class types to choose from are loaded. */
function Fields({ t, product }: Texts & { product: Product | null }) {
  const load = () => readAllPages<Schema<"StaffClassType">>((page) => call(api.GET("/api/admin/classes", { params: { query: { active: true, ...page } } })));
  const { loaded, failure, reload } = useLoad(load);
  if (failure) return <FailurePanel text={t.typesFailed} failure={failure} onRetry={reload} />;
  if (!loaded) return <Skeleton count={8} height="4.5rem" />;
  return <ProductFields t={t} product={product} classTypes={loaded} />;
}

function columnsOf(t: StaffSalesTexts): Array<Column<Product>> {
  return [
    {
      key: "name",
      label: t.columns.name,
      isTitle: true,
      cell: ({ name, perMember }) => (
        <>
          {name}
          {perMember !== null && <small class="hint">{t.timesPerMember(perMember)}</small>}
        </>
      ),
    },
    { key: "price", label: t.columns.price, isNumber: true, cell: (product) => <Price t={t} product={product} /> },
    { key: "credits", label: t.columns.credits, isNumber: true, cell: ({ kind, credits }) => (kind === "gift_card" || kind === "course" ? "" : (credits ?? t.unlimited)) },
    {
      key: "days",
      label: t.columns.days,
      cell: ({ days, starts, every }) => (every ? t.renewed : days === null ? "" : starts === "purchase" ? t.days(days) : t.daysFromFirst(days)),
    },
    { key: "classTypes", label: t.columns.classTypes, cell: ({ kind, classTypes }) => (kind === "gift_card" ? t.giftCard : kind === "course" ? t.course : classTypes.length === 0 ? t.allTypes : classTypes.map(({ name }) => name).join(", ")) },
  ];
}

function Price({ t, product: { price, currency, every } }: Texts & { product: Product }) {
  return (
    <span class="amounts">
      <Money amount={price} currency={currency} />
      {every && <small class="hint">{t.till.memberships.perPeriod[every]}</small>}
    </span>
  );
}

const catalog: Catalog<StaffSalesTexts> = { en: () => import("../../texts/staff-sales.en.ts"), es: () => import("../../texts/staff-sales.es.ts") };
await mountStaff({ catalog, section: "sales", Page: Sales });
