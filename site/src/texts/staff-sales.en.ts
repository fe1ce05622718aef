// Sales and products for staff, in English.

import staff from "./staff.en.ts";
import list from "./studio-list.en.ts";
import till from "./till.en.ts";

const texts = {
  title: "Sales",
  hint: "Staff sell passes on the roster of a class, or on the page of a member.",
  show: "Show",
  orders: "Latest sales",
  products: "Products",
  noOrders: "Nothing was sold yet.",
  toMembers: "Find a member",
  failed: "The products could not be loaded.",
  none: "There is nothing to sell yet.",
  add: "Add a pass",
  columns: { name: "Name", price: "Price", credits: "Classes", days: "Valid", classTypes: "Good for" },
  unlimited: "Unlimited",
  days: (count: number) => (count === 1 ? "1 day" : `${count} days`),
  daysFromFirst: (count: number) => (count === 1 ? "1 day from the first class" : `${count} days from the first class`),
  timesPerMember: (count: number) => (count === 1 ? "Once for each member" : `${count} times for each member`),
  allTypes: "All classes",
  name: "Name",
  description: "Description",
  descriptionHint: "For whom it is. Visitors see it before they buy.",
  price: "Price",
  credits: "Number of classes",
  creditsHint: "Leave it empty for as many classes as one likes.",
  validDays: "Valid for how many days",
  validHint: "The first and the last day are included.",
  starts: "Begins",
  startsOn: { purchase: "On the day of the sale", first_class: "With the first class that is booked" },
  perMember: "How often a member can buy it",
  perMemberHint: "Leave it empty for any number of times.",
  goodFor: "Good for",
  onlyThese: "Only these class types",
  typesFailed: "The class types could not be loaded.",
  chooseType: "Choose at least one class type, or all classes.",
  soldKeep: "Passes that are already sold keep their name, price, classes and days. If you change which classes it is good for, this changes for them too.",
  list: {
    ...list,
    which: "Which products",
    active: "On sale",
    retire: "Stop selling",
    retireTitle: (name: string) => `Stop selling “${name}”?`,
    retireText: "Nobody can buy it any more. Passes that are already sold stay good. You can sell it again later.",
    retiredNow: (name: string) => `${name} is no longer sold.`,
    reactivate: "Sell again",
    reactivated: (name: string) => `${name} is on sale again.`,
    retired: "No longer sold",
    noneRetired: "Everything is on sale.",
  },
  till,
  staff,
};

export type StaffSalesTexts = typeof texts;
export default texts;
