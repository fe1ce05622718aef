// The contact page in Spanish.

import type { ContactTexts } from "./contact.en.ts";

const texts: ContactTexts = {
  title: "Contacto",
  headline: "Escríbenos",
  lead: "¿Es tu primera clase? ¿Buscas clases particulares o quieres alquilar una sala? Pregúntanos. Solemos responder en un día.",
  name: "Tu nombre",
  email: "Correo electrónico",
  phone: "Teléfono (opcional)",
  subject: "Asunto",
  message: "Mensaje",
  send: "Enviar",
  sentTitle: "Tu mensaje ha llegado",
  sentText: "Gracias. Respondemos por correo, normalmente en un día.",
  another: "Escribir otro mensaje",
  whereTitle: "Ven a vernos",
  faqTitle: "Preguntas frecuentes",
  faq: [
    { question: "¿Necesito pareja?", answer: "No. Cambiamos de pareja durante la clase, y así todo el mundo baila con todo el mundo." },
    { question: "¿Qué me pongo?", answer: "Ropa cómoda y zapatos de suela lisa que no marque el suelo." },
    { question: "¿Y si no puedo ir?", answer: "Cancela en «Mis reservas». Allí ves también hasta cuándo no cuesta nada." },
  ],
};

export default texts;
