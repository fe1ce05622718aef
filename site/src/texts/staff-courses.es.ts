// The classes and members of a course for staff, in Spanish.

import type { StaffCoursesTexts } from "./staff-courses.en.ts";

const texts: StaffCoursesTexts = {
  show: "Cursos",
  hint: "Un curso es un producto. Añádelo en «Productos» y elige aquí sus clases antes de que se venda. Los miembros lo compran en la tienda, y tú puedes venderlo en la página de un miembro.",
  failed: "No se han podido cargar los cursos.",
  courseFailed: "No se ha podido cargar el curso.",
  membersFailed: "No se han podido cargar los miembros del curso.",
  none: "Todavía no hay ningún curso. Añade uno en «Productos».",
  course: "Curso",
  classes: "Clases",
  noClasses: "El curso todavía no tiene clases.",
  members: "Miembros",
  noMembers: "Todavía no hay nadie en el curso.",
  columns: { member: "Miembro", amount: "Precio", left: "Clases que quedan", ordered: "Fecha de compra" },
  notPaid: "Sin pagar",
  isSold: "El curso ya se ha vendido o se está pagando, así que no se pueden cambiar sus clases. Puedes mover o cancelar clases sueltas en el horario.",
  find: "Buscar clases",
  from: "Desde",
  to: "Hasta",
  weekly: "Clase semanal",
  all: "Todas las clases de estos días",
  weeklyClass: (title, weekday, time) => `${title}, ${weekday}, ${time}`,
  noneFound: "No se ha encontrado ninguna otra clase por dar en estos días.",
  tooLong: "Elige como máximo 92 días.",
  ofOther: (course) => `parte de «${course}»`,
  cancelled: "cancelada",
  notPossible: "Estas clases no pueden formar un curso. Cada una tiene que estar por dar, no ser parte de otro curso y no coincidir con otra.",
  save: "Guardar las clases",
  saved: (count) => (count === 1 ? "El curso tiene ahora 1 clase." : `El curso tiene ahora ${count} clases.`),
};

export default texts;
