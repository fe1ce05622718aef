// Sales and products for staff, in Spanish.

import type { StaffSalesTexts } from "./staff-sales.en.ts";
import staff from "./staff.es.ts";
import list from "./studio-list.es.ts";
import till from "./till.es.ts";

const texts: StaffSalesTexts = {
  title: "Ventas",
  hint: "El equipo vende los bonos en la lista de una clase o en la página de un miembro.",
  show: "Mostrar",
  orders: "Últimas ventas",
  products: "Productos",
  noOrders: "Todavía no se ha vendido nada.",
  toMembers: "Buscar un miembro",
  failed: "No hemos podido cargar los productos.",
  none: "Todavía no hay nada a la venta.",
  add: "Añadir un bono",
  columns: { name: "Nombre", price: "Precio", credits: "Clases", days: "Duración", classTypes: "Vale para" },
  unlimited: "Sin límite",
  days: (count) => (count === 1 ? "1 día" : `${count} días`),
  daysFromFirst: (count) => (count === 1 ? "1 día desde la primera clase" : `${count} días desde la primera clase`),
  timesPerMember: (count) => (count === 1 ? "Una vez por miembro" : `${count} veces por miembro`),
  allTypes: "Todas las clases",
  name: "Nombre",
  description: "Descripción",
  descriptionHint: "Para quién es. Los visitantes la ven antes de comprar.",
  price: "Precio",
  credits: "Número de clases",
  creditsHint: "Déjalo vacío para clases sin límite.",
  validDays: "Cuántos días vale",
  validHint: "Cuentan el primer día y el último.",
  starts: "Empieza",
  startsOn: { purchase: "El día de la venta", first_class: "Con la primera clase que se reserve" },
  perMember: "Cuántas veces puede comprarlo un miembro",
  perMemberHint: "Déjalo vacío para que no haya límite.",
  goodFor: "Vale para",
  onlyThese: "Solo estos tipos de clase",
  typesFailed: "No hemos podido cargar los tipos de clase.",
  chooseType: "Elige al menos un tipo de clase, o todas las clases.",
  soldKeep: "Los bonos ya vendidos conservan su nombre, su precio, sus clases y sus días. Si cambias para qué clases vale, también cambia para ellos.",
  list: {
    ...list,
    which: "Qué productos",
    active: "A la venta",
    retire: "Dejar de vender",
    retireTitle: (name) => `¿Dejar de vender «${name}»?`,
    retireText: "Nadie podrá comprarlo. Los bonos ya vendidos siguen valiendo. Puedes volver a venderlo más adelante.",
    retiredNow: (name) => `${name} ya no se vende.`,
    reactivate: "Volver a vender",
    reactivated: (name) => `${name} vuelve a estar a la venta.`,
    retired: "Ya no se venden",
    noneRetired: "Todo está a la venta.",
  },
  till,
  staff,
};

export default texts;
