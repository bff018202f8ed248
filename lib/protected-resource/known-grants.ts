const maxRemembered = 10_000;

/** Remembers grants that this process let through, a bounded number of them. @returns whether it did before */
export function createKnownGrants(): (grantId: string) => boolean {
  const known = new Set<string>();
  return (grantId) => {
    if (known.has(grantId)) return true;
    if (known.size >= maxRemembered) known.delete(known.values().next().value as string);
    known.add(grantId);
    return false;
  };
}
