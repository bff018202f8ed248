import { expect, test } from '@jest/globals';
import { html, trusted } from '../../lib/shared/html.ts';

test('every text becomes text: no character of it opens a tag, an attribute or an entity (CWE-79)', () => {
  const hostile = `<script>alert("1")</script> & '`;
  expect(html`<p title="${hostile}">${hostile}</p>`.markup).toBe(
    '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;">' +
      '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;</p>',
  );
});

test('text that was escaped before is escaped again, so that it shows as it was sent', () => {
  expect(html`${'&lt;'}`.markup).toBe('&amp;lt;');
});

test('html within html stays as it is, also in lists', () => {
  const items = ['<a>', 'b'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${items}</ul>${html`<b>${'&'}</b>`}`.markup).toBe(
    '<ul><li>&lt;a&gt;</li><li>b</li></ul><b>&amp;</b>',
  );
});

test('texts in lists are escaped, however deep they stand', () => {
  expect(html`${['<', ['>', ['"']]]}`.markup).toBe('&lt;&gt;&quot;');
});

test('undefined and false leave nothing; zero and the empty text stay', () => {
  expect(html`[${undefined}${false}${0}${''}]`.markup).toBe('[0]');
});

test('a value at the very start and end has its place', () => {
  expect(html`${'<'}`.markup).toBe('&lt;');
  expect(html`${'a'}-${'b'}`.markup).toBe('a-b');
  expect(html`plain`.markup).toBe('plain');
});

test('only text that the code itself marks as trusted passes as markup', () => {
  expect(html`<style>${trusted('a>b{}')}</style>`.markup).toBe('<style>a>b{}</style>');
});
