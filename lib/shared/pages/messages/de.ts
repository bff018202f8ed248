import type { PageMessages } from '../messages.ts';

/** German. */
export const de: PageMessages = {
  common: {
    reference: 'Vorgang: {reference}',
    errorCode: 'Fehler: {code}.',
    help: 'Hilfe',
    address: 'Sie sind bei {host}',
    tryAgain: 'Noch einmal versuchen',
    goBack: 'Zurück zur Anwendung',
  },
  scopes: {
    'mcp:tools': 'Die Werkzeuge in Ihrem Namen benutzen',
    offline_access: 'Verbunden bleiben, bis Sie es widerrufen',
  },
  consent: {
    title: 'Darf {client} auf {resource} zugreifen?',
    unnamed: 'eine Anwendung ohne Namen',
    unverified: 'Nicht geprüft',
    unverifiedHint: 'Der Name ist eine Angabe der Anwendung selbst.',
    domain: 'Geprüfte Domain',
    domainHint: 'Veröffentlicht von {host}.',
    operator: 'Hier bekannt',
    operatorHint: 'Von den Betreibern dieses Servers eingerichtet.',
    permissions: 'Berechtigungen',
    redirect: 'Leitet zurück zu',
    access: 'Zugriff auf',
    account: 'Angemeldet als',
    loopback:
      'Diese Anwendung läuft auf Ihrem Computer. Fahren Sie nur fort, wenn Sie sie gerade eben selbst gestartet haben.',
    privateScheme:
      'Damit wird eine Anwendung auf Ihrem Gerät geöffnet. Fahren Sie nur fort, wenn Sie sie gerade eben selbst gestartet haben.',
    signInNext: 'Als Nächstes melden Sie sich an.',
    services: 'Dienste, mit denen sie in Ihrem Namen arbeitet',
    remember: 'Für diese Anwendung mit diesen Berechtigungen nicht mehr fragen',
    allow: 'Erlauben',
    deny: 'Ablehnen',
  },
  connect: {
    title: '{service} verbinden?',
    service: 'Dienst',
    shared: 'Alle hier werden diese Verbindung benutzen.',
    next: 'Sie werden dort gefragt, ob Sie den Zugriff erlauben.',
    connect: 'Verbinden',
    connectService: '{service} verbinden',
    listTitle: 'Verbinden Sie Ihre Konten',
    listLead: '{client} arbeitet in Ihrem Namen mit diesen Diensten.',
    required: 'Erforderlich',
    optional: 'Freiwillig',
    connected: 'Verbunden',
    waiting: 'Verbinden Sie die erforderlichen Dienste, um fortzufahren.',
    notConnected: '{service} wurde nicht verbunden. Sie können es noch einmal versuchen.',
    proceed: 'Weiter',
    cancel: 'Abbrechen',
    doneTitle: '{service} ist verbunden',
    done: 'Sie können diese Seite schließen und zu Ihrer Anwendung zurückkehren.',
  },
  chooser: {
    title: 'Anmelden',
    lead: 'Wählen Sie, wo Sie Ihr Konto haben.',
    email: 'Oder Ihre E-Mail-Adresse',
    proceed: 'Weiter',
    unknownEmail: 'Zu dieser Adresse ist hier keine Anmeldung bekannt. Wählen Sie oben eine aus.',
  },
  devLogin: {
    title: 'Anmeldung für die Entwicklung',
    warning:
      'Hier kann sich jeder an diesem Computer als beliebige Person anmelden. Im produktiven Betrieb gibt es diese Seite nicht.',
    name: 'Name',
    roles: 'Rollen, durch Leerzeichen getrennt',
    signIn: 'Anmelden',
  },
  connections: {
    title: 'Ihre Verbindungen',
    account: 'Angemeldet als {account}',
    clients: 'Anwendungen mit Zugriff',
    noClients: 'Keine Anwendung hat hier Zugriff auf Ihr Konto.',
    since: 'Erlaubt {time}',
    lastUse: 'Zuletzt benutzt {time}',
    neverUsed: 'Noch nicht benutzt',
    revoke: 'Widerrufen',
    revokeLabel: 'Zugriff von {client} widerrufen',
    revokeAll: 'Alle widerrufen',
    more: 'Weitere Anwendungen',
    first: 'Zurück zu den ersten',
    upstreams: 'Verbundene Dienste',
    upstreamsHint: 'Konten bei anderen Diensten, die dieser Server in Ihrem Namen benutzt.',
    connectedSince: 'Verbunden {time}',
    disconnect: 'Trennen',
    disconnectLabel: '{service} trennen',
    signOut: 'Abmelden',
    signOutEverywhere: 'Überall abmelden',
    signOutHint: 'Beendet Ihre Anmeldung in jedem Browser und widerruft den Zugriff aller Anwendungen.',
    revoked: 'Der Zugriff wurde widerrufen.',
    disconnected: 'Der Dienst wurde getrennt.',
  },
  signedOut: {
    title: 'Sie sind abgemeldet',
    text: 'Ihre Anmeldung hier ist beendet.',
    hint: 'Anwendungen, denen Sie es erlaubt haben, behalten ihren Zugriff, bis Sie ihn widerrufen.',
  },
  errors: {
    expired: {
      title: 'Diese Seite ist abgelaufen',
      text: 'Die zugehörige Anfrage ist schon abgeschlossen, hat zu lange gedauert oder wurde in einem anderen Browser begonnen.',
      advice: 'Gehen Sie zurück zu Ihrer Anwendung und verbinden Sie sich erneut.',
    },
    signInExpired: {
      title: 'Diese Anmeldung ist abgelaufen',
      text: 'Sie ist schon abgeschlossen, hat zu lange gedauert oder wurde in einem anderen Browser begonnen.',
      advice: 'Gehen Sie zurück zu Ihrer Anwendung und verbinden Sie sich erneut.',
    },
    clientUnknown: {
      title: 'Diese Anwendung ist hier nicht bekannt',
      text: 'Ihre Registrierung ist abgelaufen oder wurde entfernt, oder ihr Metadatendokument konnte nicht gelesen werden.',
      advice:
        'Entfernen Sie diesen Server in Ihrer Anwendung (oder löschen Sie die gespeicherte Anmeldung) und fügen Sie ihn neu hinzu; dann registriert sie sich neu.',
    },
    clientUnverifiable: {
      title: 'Die Anwendung kann gerade nicht geprüft werden',
      text: 'Ihre Metadaten unter {url} sind nicht verwendbar: {reason}.',
      advice:
        'Versuchen Sie es in einer Minute noch einmal. Bleibt es dabei, sagen Sie es den Herstellern der Anwendung.',
    },
    redirectUnproven: {
      title: 'Die Anwendung stellte eine Anfrage, die nicht möglich ist',
      text: 'Noch niemand hat dieser Anwendung hier etwas erlaubt, und ihre Anfrage lässt sich nicht bearbeiten. Der Weg zurück führt von hier weg, zu {host}.',
      advice: 'Gehen Sie nur weiter, wenn Sie diese Adresse kennen und gerade von dort gekommen sind.',
    },
    redirectUnregistered: {
      title: 'Die Anwendung nannte eine nicht registrierte Adresse',
      text: 'Sie will die Antwort an eine Adresse bekommen, die sie nicht registriert hat. Es wurde nichts gesendet.',
      advice:
        'Entfernen Sie diesen Server in Ihrer Anwendung und fügen Sie ihn neu hinzu. Bleibt es dabei, sagen Sie es den Herstellern der Anwendung.',
    },
    requestInvalid: {
      title: 'Die Anfrage konnte nicht bearbeitet werden',
      text: 'Die Anwendung hat eine Anfrage gesendet, die dieser Server nicht bearbeiten kann.',
      advice: 'Gehen Sie zurück zu Ihrer Anwendung und verbinden Sie sich erneut.',
    },
    notUsable: {
      title: 'Nicht möglich',
      text: 'Diese Seite kann so nicht benutzt werden.',
      advice: 'Gehen Sie zurück zu Ihrer Anwendung und verbinden Sie sich erneut.',
    },
    providerUnavailable: {
      title: 'Anmelden ist gerade nicht möglich',
      text: 'Der Anmeldedienst Ihrer Organisation antwortet nicht.',
      advice: 'Versuchen Sie es gleich noch einmal. Schon verbundene Anwendungen arbeiten weiter.',
    },
    userRefused: {
      title: 'Sie haben hier keinen Zugang',
      text: 'Sie sind angemeldet, aber Ihr Konto darf dies nicht benutzen.',
      advice: 'Bitten Sie die Betreiber dieses Servers um Zugang.',
    },
    devLoginRefused: {
      title: 'Hier nicht verfügbar',
      text: 'Die Anmeldung für die Entwicklung antwortet nur auf Anfragen vom selben Computer.',
      advice: 'Öffnen Sie die Adresse ohne Proxy auf dem Computer, auf dem der Server läuft.',
    },
    unavailable: {
      title: 'Gerade nicht verfügbar',
      text: 'Der Server kann im Moment nicht antworten.',
      advice: 'Versuchen Sie es gleich noch einmal. Bleibt es dabei, sagen Sie es den Betreibern dieses Servers.',
    },
    failed: {
      title: 'Etwas ist schiefgegangen',
      text: 'Der Server konnte diese Anfrage nicht abschließen.',
      advice: 'Versuchen Sie es gleich noch einmal. Bleibt es dabei, sagen Sie es den Betreibern dieses Servers.',
    },
    linkExpired: {
      title: 'Dieser Link ist abgelaufen',
      text: 'Er wurde schon benutzt oder ist älter als 15 Minuten.',
      advice:
        'Gehen Sie zurück zu Ihrer Anwendung und versuchen Sie es noch einmal: Sie bekommen dort einen neuen Link.',
    },
    linkOfAnother: {
      title: 'Dieser Link gehört nicht Ihnen',
      text: 'Er wurde für ein anderes Konto erstellt. Es wurde nichts verbunden.',
      advice:
        'Hat Ihnen jemand den Link geschickt, benutzen Sie ihn nicht. Ist es Ihr eigener, melden Sie sich mit dem Konto an, das Sie in Ihrer Anwendung benutzen.',
    },
    notConnected: {
      title: '{service} wurde nicht verbunden',
      text: 'Der Dienst hat den Zugriff nicht erlaubt, oder seine Antwort konnte nicht geprüft werden.',
      advice:
        'Gehen Sie zurück zu Ihrer Anwendung und versuchen Sie es noch einmal: Sie bekommen dort einen neuen Link.',
    },
    serviceUnavailable: {
      title: '{service} wurde nicht verbunden',
      text: 'Der Dienst antwortet im Moment nicht.',
      advice:
        'Gehen Sie zurück zu Ihrer Anwendung und versuchen Sie es noch einmal: Sie bekommen dort einen neuen Link.',
    },
    signInFailed: {
      title: 'Sie wurden nicht angemeldet',
      text: 'Die Anmeldung wurde abgebrochen oder abgelehnt, oder die Antwort konnte nicht geprüft werden.',
      advice: 'Versuchen Sie es noch einmal. Bleibt es dabei, sagen Sie es den Betreibern dieses Servers.',
    },
  },
};
