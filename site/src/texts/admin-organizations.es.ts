// Organizations for administrators, in Spanish.

import type { AdminOrganizationsTexts } from "./admin-organizations.en.ts";
import staff from "./staff.es.ts";

const texts: AdminOrganizationsTexts = {
  title: "Organizaciones",
  hint: "Grupos en cuyo nombre pueden actuar los miembros en las aplicaciones de los socios",
  failed: "No hemos podido cargar las organizaciones.",
  none: "Todavía no hay organizaciones.",
  columns: { name: "Nombre", slug: "Nombre corto", members: "Miembros", since: "Creada" },
  add: "Crear una organización",
  name: "Nombre",
  slug: "Nombre corto",
  slugHint: "Letras minúsculas, cifras y guiones, como noche-latina",
  created: (name) => `${name} está creada.`,
  saved: (name) => `${name} está guardada.`,
  actionsOf: (name) => `Más para ${name}`,
  edit: "Cambiar el nombre",
  editTitle: (name) => `Cambiar el nombre de ${name}`,
  people: "Miembros",
  peopleTitle: (name) => `Miembros de ${name}`,
  noPeople: "Nadie pertenece a esta organización.",
  roles: { owner: "Propietario", admin: "Administrador", member: "Miembro" },
  remove: (email) => `Quitar ${email}`,
  removed: (email, name) => `${email} ya no pertenece a ${name}.`,
  search: "Buscar a quién añadir",
  addMember: (name) => `Añadir a ${name}`,
  added: (member, name) => `${member} pertenece ahora a ${name}.`,
  roleOf: (email) => `Rol de ${email}`,
  staff,
};

export default texts;
