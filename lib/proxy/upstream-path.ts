/** The decoded name of one `name=value` of a query. */
function parameterName(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? '';
}

/**
 * The fixed path of the upstream, with the caller's query where that is wanted. No part of it comes from the caller's path.
 * @param requestTarget as the caller sent it
 */
export function upstreamPath(target: URL, requestTarget: string, forwardSearch: boolean): string {
  const mark = requestTarget.indexOf('?');
  const query = forwardSearch && mark >= 0 ? requestTarget.slice(mark + 1) : '';
  const fixed = new Set(target.searchParams.keys());
  const given =
    fixed.size === 0
      ? query
      : query
          .split('&')
          .filter((pair) => !fixed.has(parameterName(pair)))
          .join('&');
  const search = [target.search.slice(1), given].filter(Boolean).join('&');
  return search ? `${target.pathname}?${search}` : target.pathname;
}
