// Classes, instructors and the studio in the vocabulary of schema.org. The HTML pages
// of the API describe the same items, in more detail
// (`lib/src/classes/pages/structured_data.rs`).

import type { Schema } from "../api/client.ts";
import { absolute, describePage, type PageHead } from "../tools/head.ts";
import { loadStudio, studio, studioName } from "../tools/studio.ts";
import { classPath, isBookedWithCourse } from "./facts.ts";

type Occurrence = Schema<"Occurrence">;

/** Describes a page with its content. The page works without this, so a failure is not shown. */
export function describeContent(head: PageHead, content: () => object[]): void {
  const describe = () => describePage({ ...head, items: [schoolItem(), ...content()] });
  // A long list takes a while. In a task of its own, it does not keep the page from being used.
  const schedule = () => setTimeout(describe);
  // The studio's address belongs to each class.
  loadStudio().then(schedule, schedule);
}

/** The studio has no type of its own: schema.org knows no dance school. */
function schoolItem(): object {
  const { address, email } = studio.value ?? {};
  return {
    "@type": ["SportsActivityLocation", "EducationalOrganization"],
    "@id": absolute("/#studio"),
    name: studioName(),
    url: absolute("/"),
    image: absolute("/preview.png"),
    email: email ?? undefined,
    address: addressItem(),
    geo: address?.latitude != null ? { "@type": "GeoCoordinates", latitude: address.latitude, longitude: address.longitude } : undefined,
  };
}

function addressItem(): object | undefined {
  const address = studio.value?.address;
  if (!address) return undefined;
  return {
    "@type": "PostalAddress",
    streetAddress: address.street,
    addressLocality: address.city,
    addressRegion: address.region ?? undefined,
    postalCode: address.postalCode ?? undefined,
    addressCountry: address.country,
  };
}

export function eventItem(occurrence: Occurrence): object {
  const { title, description, startTime, endTime, instructor, room, imageUrl, price, currency, placesLeft, isCancelled } = occurrence;
  const url = absolute(classPath(occurrence));
  return {
    "@type": "Event",
    "@id": url,
    url,
    name: title,
    description: description || undefined,
    startDate: startTime,
    endDate: endTime,
    eventStatus: `https://schema.org/${isCancelled ? "EventCancelled" : "EventScheduled"}`,
    eventAttendanceMode: "https://schema.org/OfflineEventAttendanceMode",
    image: imageUrl ? absolute(imageUrl) : undefined,
    location: { "@type": "Place", name: `${studioName()}, ${room}`, address: addressItem() },
    performer: { "@type": "Person", name: instructor.name, url: absolute(`/instructors/${instructor.id}`) },
    organizer: { "@id": absolute("/#studio") },
    // A class that is booked with its course only has no offer of its own.
    offers: isBookedWithCourse(occurrence)
      ? undefined
      : {
          "@type": "Offer",
          url,
          price,
          priceCurrency: currency,
          availability: `https://schema.org/${placesLeft > 0 ? "InStock" : "SoldOut"}`,
        },
  };
}

export function courseItem(type: Schema<"ClassType">): object {
  const url = absolute(`/classes/${type.id}`);
  return {
    "@type": "Course",
    "@id": url,
    url,
    name: type.name,
    description: type.description || undefined,
    image: type.imageUrl ? absolute(type.imageUrl) : undefined,
    educationalLevel: type.level,
    timeRequired: `PT${type.durationMinutes}M`,
    provider: { "@id": absolute("/#studio") },
    offers: { "@type": "Offer", category: Number(type.price) === 0 ? "Free" : "Paid", price: type.price, priceCurrency: type.currency },
  };
}

export function personItem(instructor: Schema<"Instructor">): object {
  const url = absolute(`/instructors/${instructor.id}`);
  return {
    "@type": "Person",
    "@id": url,
    url,
    name: instructor.name,
    description: instructor.bio || undefined,
    image: instructor.profileImageUrl ? absolute(instructor.profileImageUrl) : undefined,
    knowsAbout: instructor.specialties,
    sameAs: Object.values(instructor.socialMediaLinks),
    worksFor: { "@id": absolute("/#studio") },
  };
}
