/** The decoded name of one `name=value` of a query. */
function parameterName(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? '';
}

/**
 * The fixed path of the upstream, with the caller's query where that is wanted. No part of it comes from the caller's path.
 * @returns the path for a request target as the caller sent it
 */
export function createUpstreamPath({ pathname, search, searchParams }: URL, forwardSearch: boolean) {
  const fixed = new Set(searchParams.keys());
  const fixedPath = pathname + search;

  return (requestTarget: string): string => {
    const mark = forwardSearch ? requestTarget.indexOf('?') : -1;
    if (mark < 0) return fixedPath;
    const query = requestTarget.slice(mark + 1);
    const given =
      fixed.size === 0
        ? query
        : query
            .split('&')
            .filter((pair) => !fixed.has(parameterName(pair)))
            .join('&');
    const all = [search.slice(1), given].filter(Boolean).join('&');
    return all ? `${pathname}?${all}` : pathname;
  };
}
