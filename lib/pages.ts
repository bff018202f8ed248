export type { Html } from './shared/html.ts';
export { html, trusted } from './shared/html.ts';
export type { PageErrorKind, PageErrorText, PageMessages, PartialPageMessages } from './shared/pages/messages.ts';
export { fill, fillText } from './shared/pages/messages.ts';
export type {
  ChooserModel,
  ConnectedClient,
  ConnectedModel,
  ConnectedUpstream,
  ConnectionsModel,
  ConnectListModel,
  ConnectModel,
  ConsentModel,
  DevLoginModel,
  ErrorModel,
  PageBrand,
  PageClient,
  PageContext,
  PageFunctions,
  PageModels,
  PageName,
  PageUpstream,
  SignedOutModel,
  SignOutModel,
} from './shared/pages/models.ts';
export type { PageLayout } from './shared/pages/page-document.ts';
export { pageDocument } from './shared/pages/page-document.ts';
export { defaultPages } from './shared/pages/pages.ts';
export type { PagesOptions } from './shared/pages/pages-options.ts';
