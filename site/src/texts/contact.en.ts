// The contact page in English.

const texts = {
  title: "Contact",
  headline: "Write to us",
  lead: "Is it your first class? Are you looking for private lessons, or a room to rent? Ask us. We usually answer within a day.",
  name: "Your name",
  email: "E-mail address",
  phone: "Telephone (optional)",
  subject: "Subject",
  message: "Message",
  send: "Send",
  sentTitle: "Your message has arrived",
  sentText: "Thank you. We answer by e-mail, usually within a day.",
  another: "Write another message",
  whereTitle: "Come and see us",
  faqTitle: "Frequently asked questions",
  faq: [
    { question: "Do I need a partner?", answer: "No. We change partners during the class, so that everybody dances with everybody." },
    { question: "What should I wear?", answer: "Something comfortable, and shoes with a smooth sole that does not mark the floor." },
    { question: "What if I cannot come?", answer: "Cancel under “My bookings”. There you also see until when it costs nothing." },
  ],
};

export type ContactTexts = typeof texts;
export default texts;
