// The sections of the console, in the order of the navigation.

import {
  Building,
  CalendarDays,
  CalendarOff,
  ChartColumn,
  DoorOpen,
  FileSpreadsheet,
  GraduationCap,
  type IconNode,
  KeyRound,
  ListChecks,
  Mail,
  MonitorSmartphone,
  Music,
  ShieldCheck,
  Sun,
  Ticket,
  Users,
  UserRound,
  Wallet,
} from "lucide";
import type { StaffTexts } from "../texts/staff.en.ts";

export type SectionName = keyof StaffTexts["sections"];

/**
 * Who may open a page: instructors who are not staff, staff, both of them, or administrators, who
 * are also staff.
 */
export type Access = "instructor" | "staff" | "team" | "admin";

interface Section {
  name: SectionName;
  href: string;
  icon: IconNode;
  access: Access;
}

/** The page of instructors who are not staff. */
export const TEACHING = "/staff/teaching";

/** What is needed all the time. A phone shows the first four of those that the person may open. */
export const MAIN_SECTIONS: readonly Section[] = [
  { name: "teaching", href: TEACHING, icon: GraduationCap, access: "instructor" },
  { name: "today", href: "/staff", icon: Sun, access: "staff" },
  { name: "schedule", href: "/staff/schedule", icon: CalendarDays, access: "staff" },
  { name: "members", href: "/staff/members", icon: Users, access: "staff" },
  { name: "messages", href: "/staff/messages", icon: Mail, access: "staff" },
  { name: "payments", href: "/staff/payments", icon: Wallet, access: "staff" },
  { name: "sales", href: "/staff/sales", icon: Ticket, access: "staff" },
  { name: "reports", href: "/staff/reports", icon: FileSpreadsheet, access: "staff" },
  { name: "analytics", href: "/staff/analytics", icon: ChartColumn, access: "staff" },
];

export const STUDIO_SECTIONS: readonly Section[] = [
  { name: "classes", href: "/staff/classes", icon: Music, access: "staff" },
  { name: "instructors", href: "/staff/instructors", icon: GraduationCap, access: "staff" },
  { name: "rooms", href: "/staff/rooms", icon: DoorOpen, access: "staff" },
  { name: "closures", href: "/staff/closures", icon: CalendarOff, access: "staff" },
  { name: "setup", href: "/staff/setup", icon: ListChecks, access: "staff" },
];

export const ADMIN_SECTIONS: readonly Section[] = [
  { name: "users", href: "/admin/users", icon: UserRound, access: "admin" },
  { name: "apps", href: "/admin/apps", icon: KeyRound, access: "admin" },
  { name: "organizations", href: "/admin/organizations", icon: Building, access: "admin" },
  { name: "security", href: "/admin/security", icon: ShieldCheck, access: "admin" },
  { name: "sessions", href: "/admin/sessions", icon: MonitorSmartphone, access: "admin" },
];
