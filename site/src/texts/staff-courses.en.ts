// The classes and members of a course for staff, in English.

const texts = {
  show: "Courses",
  hint: "A course is a product. Add it under “Products”, and choose its classes here before it is sold. Members buy it in the shop, and you can sell it on the page of a member.",
  failed: "The courses could not be loaded.",
  courseFailed: "The course could not be loaded.",
  membersFailed: "The members of the course could not be loaded.",
  none: "There is no course yet. Add one under “Products”.",
  course: "Course",
  classes: "Classes",
  noClasses: "The course has no classes yet.",
  members: "Members",
  noMembers: "Nobody is in the course yet.",
  columns: { member: "Member", amount: "Price", left: "Classes left", ordered: "Ordered" },
  notPaid: "Not paid yet",
  isSold: "The course is sold or is being paid for, so its classes cannot be changed. You can move or cancel single classes in the schedule.",
  find: "Find classes",
  from: "From",
  to: "To",
  weekly: "Weekly class",
  all: "All classes on these days",
  weeklyClass: (title: string, weekday: string, time: string) => `${title}, ${weekday}, ${time}`,
  noneFound: "No other upcoming class was found on these days.",
  tooLong: "Choose at most 92 days.",
  ofOther: (course: string) => `part of “${course}”`,
  cancelled: "cancelled",
  notPossible: "These classes cannot be one course. Each must be upcoming, be part of no other course, and not overlap another one.",
  save: "Save the classes",
  saved: (count: number) => (count === 1 ? "The course has 1 class now." : `The course has ${count} classes now.`),
};

export type StaffCoursesTexts = typeof texts;
export default texts;
