// The subscription to a member's calendar in English.

const texts = {
  title: "In your calendar",
  text: "Subscribe once, and your calendar always shows what you have booked. A new link replaces the one before.",
  subscribe: "Create a calendar link",
  link: "Your calendar link",
  secret: "Anyone who has this link can read your bookings. It is shown only now.",
  copy: "Copy the link",
  copied: "The link was copied.",
  open: "Open in my calendar",
  withdraw: "Withdraw all links",
  withdrawn: "Your calendar links no longer work.",
  how: "How to subscribe",
  programs: [
    { name: "Apple Calendar", text: "On an iPhone, iPad, or Mac, choose “Open in my calendar” and confirm the subscription." },
    {
      name: "Google Calendar",
      text: "Copy the link. On a computer, open Google Calendar, choose + beside “Other calendars”, then “From URL”, and paste the link.",
    },
    { name: "Outlook", text: "Copy the link. In Outlook, choose “Add calendar”, then “Subscribe from web”, and paste the link." },
  ],
};

export type CalendarTexts = typeof texts;
export default texts;
