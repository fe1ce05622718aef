// The page for addresses that do not exist, in English.

const texts = {
  title: "Page not found",
  text: "The address may be wrong, or the page was moved.",
  home: "Go to the home page",
  timetable: "See the timetable",
};

export type NotFoundTexts = typeof texts;
export default texts;
