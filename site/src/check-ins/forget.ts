// Forgets the check-ins that wait in this browser, because another person may use it next.

/** The name of the database of a member of the staff begins with this. */
export const DATABASE_PREFIX = "check-ins-of-";

/** The names of the databases of this browser. */
export async function checkInDatabases(): Promise<string[]> {
  const found = await indexedDB.databases();
  return found.flatMap(({ name }) => (name?.startsWith(DATABASE_PREFIX) ? [name] : []));
}

/** Deletes the check-ins of all but the member with this id. */
export async function forgetCheckIns(userId: string | null): Promise<void> {
  for (const name of await checkInDatabases()) {
    if (name !== DATABASE_PREFIX + userId) indexedDB.deleteDatabase(name);
  }
}
