// User accounts for administrators, in Spanish.

import type { AdminUsersTexts } from "./admin-users.en.ts";
import staff from "./staff.es.ts";

const texts: AdminUsersTexts = {
  title: "Usuarios",
  hint: "Todas las cuentas, primero las más nuevas",
  search: "Buscar por nombre o correo",
  failed: "No hemos podido cargar las cuentas.",
  none: "No hay cuentas.",
  role: "Rol",
  everyRole: "Todos los roles",
  roles: { member: "Miembro", staff: "Equipo", admin: "Administrador" },
  columns: { name: "Nombre", email: "Correo", role: "Rol", state: "Estado", sessions: "Sesiones" },
  you: "tú",
  active: "Activa",
  deactivated: "Desactivada",
  closed: "Cerrada por el miembro",
  locked: (until) => `Acceso bloqueado hasta ${until}`,
  unconfirmed: "Correo sin confirmar",
  actionsOf: (name) => `Más para ${name}`,
  changeRole: "Cambiar el rol",
  changeRoleTitle: (name) => `El rol de ${name}`,
  roleHint: "El equipo ve miembros, reservas y pagos. Los administradores ven también cuentas, aplicaciones y el registro de seguridad.",
  yourPassword: "Tu propia contraseña",
  yourPasswordHint: "Hace falta para dar el rol de equipo o de administrador. Déjala vacía si entras con un proveedor.",
  isRole: (name, role) => `El rol de ${name} es ahora: ${role}.`,
  unlock: "Desbloquear el acceso",
  isUnlocked: (name) => `${name} puede entrar de nuevo.`,
  endSessions: "Cerrar todas las sesiones",
  endSessionsTitle: (name) => `¿Cerrar todas las sesiones de ${name}?`,
  endSessionsText: "Se cierra la sesión en todos los dispositivos. La cuenta sigue igual.",
  sessionsEnded: (name) => `Las sesiones de ${name} están cerradas.`,
  removeSecondFactor: "Quitar la verificación en dos pasos",
  removeSecondFactorTitle: (name) => `¿Quitar la verificación en dos pasos de ${name}?`,
  removeSecondFactorText: "Hazlo solo si sabes con certeza quién lo pide: por ejemplo, en persona en el estudio. Después basta la contraseña para entrar.",
  secondFactorRemoved: (name) => `La verificación en dos pasos de ${name} está quitada.`,
  deactivate: "Desactivar",
  deactivateTitle: (name) => `¿Desactivar la cuenta de ${name}?`,
  deactivateText: "Se cierran sus sesiones y no puede entrar. Se cancelan sus próximas reservas. Puedes activar la cuenta de nuevo, pero las reservas siguen canceladas.",
  isDeactivated: (name) => `La cuenta de ${name} está desactivada.`,
  activate: "Activar de nuevo",
  isActivated: (name) => `La cuenta de ${name} vuelve a estar activa.`,
  history: "Ver lo que dice el registro de seguridad",
  staff,
};

export default texts;
