import { errorPage, type Page } from '../shared/page.ts';

/** Pages for errors that must not go to a redirect URI (RFC 6749 section 4.1.2.1): what happened and what helps. */
export function authorizationErrorPage(
  code: string,
  description: string | undefined,
  failure?: { readonly url: string; readonly reason: string },
): Page {
  if (failure) {
    return errorPage({
      title: 'The application cannot be verified now',
      explanation: `Its metadata at ${failure.url} cannot be used: ${failure.reason}.`,
      advice: 'Try again in a minute. If it stays, tell the maker of the application.',
      code,
    });
  }
  switch (code) {
    case 'invalid_client':
      return errorPage({
        title: 'This application is not known here',
        explanation: 'Its registration has expired or was removed, or its metadata document could not be read.',
        advice:
          'In your application, remove this server (or clear its saved sign-in) and add it again; it will register anew.',
        code,
      });
    case 'invalid_redirect_uri':
      return errorPage({
        title: 'The application asked for an unregistered address',
        explanation: 'It wants the answer sent to an address that it has not registered, so nothing was sent.',
        advice:
          'In your application, remove this server and add it again. If it stays, tell the maker of the application.',
        code,
      });
    case 'temporarily_unavailable':
      return errorPage({
        title: 'Not available right now',
        explanation: 'The server cannot answer at the moment.',
        advice: 'Try again in a moment.',
        code,
      });
    default:
      return errorPage({
        title: 'The request could not be handled',
        explanation: description ?? 'The application sent a request that this server cannot handle.',
        advice: 'Go back to your application and connect again.',
        code,
      });
  }
}
