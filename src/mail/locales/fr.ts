import type { Texts } from './texts.js';

const cleared =
  'Cette adresse n’avait jamais été confirmée : une autre personne peut avoir créé le compte. Nous avons donc effacé son profil.';
const passwordRemoved =
  'Nous ne savons pas si vous avez choisi le mot de passe de ce compte. Nous l’avons donc supprimé et avons déconnecté tous les' +
  ' appareils. Le lien ci-dessous permet d’en choisir un nouveau, une seule fois et pendant une heure ; ensuite, demandez un' +
  ' nouveau lien sur la page de connexion.';
const linkOnce =
  'Le lien fonctionne une fois, pendant une heure ; ensuite, demandez un nouveau lien sur la page de connexion.';
const setPassword = 'Choisir un nouveau mot de passe';

export const fr: Texts = {
  direction: 'ltr',
  greeting: (name) => (name ? `Bonjour ${name},` : 'Bonjour,'),
  linkHint: 'Si le bouton ne fonctionne pas, ouvrez cette adresse :',
  notice: {
    time: 'Date',
    device: 'Appareil',
    network: 'Réseau',
    on: 'sur',
    label: 'Ce n’était pas moi',
    hint:
      'Si ce n’était pas vous, ouvrez le lien dans les 72 heures. Il déconnecte tous les appareils, désactive votre mot de passe' +
      ' jusqu’à ce que vous en choisissiez un autre et annule ce qui a été modifié depuis dans vos moyens de connexion.',
  },
  pages: {
    account: 'Compte',
    toApp: 'Aller sur Meetinity',
    reset: {
      title: setPassword,
      text: 'De 8 à 128 caractères difficiles à deviner, par exemple trois ou quatre mots sans rapport.',
      password: 'Nouveau mot de passe',
      repeat: 'Répétez le mot de passe',
      code: 'Code de secours',
      button: 'Enregistrer le mot de passe',
    },
    resetDone: { title: 'Mot de passe enregistré', text: 'Connectez-vous. Vos autres appareils ont été déconnectés.' },
    verify: {
      title: 'Confirmez votre adresse e-mail',
      text: 'Merci de confirmer que cette adresse e-mail est la vôtre.',
      password: 'Votre mot de passe, si vous en avez choisi un (facultatif)',
      hint: 'Il prouve que vous avez créé le compte vous-même : vous pourrez ainsi le garder.',
      button: 'Confirmer l’adresse',
    },
    verifyDone: { title: 'Adresse confirmée', again: 'Adresse déjà confirmée', text: 'Vous pouvez fermer cette page.' },
    wrongPassword: 'Le mot de passe est erroné',
    notMe: {
      title: 'Ce n’était pas moi',
      text:
        'Tous les appareils seront déconnectés, le mot de passe ne fonctionnera plus et les moyens de connexion ajoutés depuis' +
        ' seront supprimés. Si le compte a un mot de passe, vous recevrez un lien pour en choisir un autre.',
      restores: (email) => `L’adresse du compte redeviendra ${email}.`,
      code: 'Code de votre application d’authentification, ou code de secours',
      hint: 'Il doit avoir appartenu au compte avant l’événement.',
      button: 'Sécuriser mon compte',
    },
    notMeDone: {
      title: 'Votre compte est sécurisé',
      text: 'Les appareils sont déconnectés. Si le compte a un mot de passe, le lien envoyé permet d’en changer.',
    },
    passkey: 'Utiliser une clé d’accès',
    wrongPasskey: 'Cette clé d’accès n’est pas valable ici',
    wrongCode: 'Le code est erroné ou a déjà servi',
    linkDead: { title: 'Ce lien ne fonctionne plus', text: 'Demandez-en un nouveau sur la page de connexion.' },
    failure: { title: 'Une erreur est survenue', text: 'Réessayez dans un instant.' },
    errors: {
      too_short: 'Le mot de passe doit avoir au moins 8 caractères',
      too_long: 'Le mot de passe est trop long',
      too_simple: 'Le mot de passe est trop facile à deviner. Ajoutez un ou deux mots peu courants.',
      too_common: 'Le mot de passe est l’un des plus courants. Ajoutez un autre mot.',
      mismatch: 'Les deux mots de passe sont différents',
      rate_limited: 'Trop de tentatives ; réessayez plus tard.',
      email_taken: 'Un compte utilise déjà cette adresse e-mail.',
    },
  },
  passwordReset: {
    subject: 'Choisissez un nouveau mot de passe',
    paragraphs: [
      'Nous avons reçu une demande de réinitialisation du mot de passe de votre compte Meetinity. Le lien fonctionne une seule' +
        ' fois, pendant une heure.',
    ],
    label: setPassword,
    closing: 'Si vous n’avez rien demandé, ignorez ce message. Votre mot de passe ne change pas.',
  },
  passwordChanged: (wasCleared) => ({
    subject: 'Votre mot de passe a été modifié',
    paragraphs: [
      'Le mot de passe de votre compte Meetinity vient d’être modifié, et vos autres appareils ont été déconnectés.',
      ...(wasCleared ? [cleared] : []),
    ],
  }),
  verification: {
    subject: 'Confirmez votre adresse e-mail',
    paragraphs: [
      'Cette adresse a servi à créer un compte Meetinity. Merci de confirmer qu’elle est la vôtre. Le lien fonctionne pendant' +
        ' 24 heures.',
    ],
    label: 'Confirmer cette adresse',
    closing: 'Si vous n’avez pas créé de compte, ignorez ce message.',
  },
  alreadyRegistered: {
    subject: 'Vous avez déjà un compte',
    paragraphs: [
      'Une inscription a été tentée avec cette adresse. Vous avez déjà un compte : rien n’a changé.',
      'Connectez-vous comme d’habitude, ou choisissez un nouveau mot de passe par le lien. Il fonctionne une seule fois, pendant' +
        ' une heure.',
    ],
    label: setPassword,
    closing: 'Si ce n’était pas vous, ignorez ce message.',
  },
  accountLinked: (provider, eviction) => ({
    subject: `Vous pouvez maintenant vous connecter avec ${provider}`,
    paragraphs: [
      `Un compte ${provider} ayant cette adresse e-mail a été associé à votre compte Meetinity. Il permet de vous connecter.`,
      ...(eviction?.resetLink ? [passwordRemoved] : []),
      ...(eviction?.cleared ? [cleared] : []),
      ...(eviction && !eviction.cleared
        ? [
            'Le profil a été conservé. S’il n’est pas le vôtre, effacez-le dans les paramètres du profil, ou supprimez-y le' +
              ` compte et connectez-vous de nouveau avec ${provider}.`,
          ]
        : []),
    ],
    label: setPassword,
  }),
  accountUnlinked: (provider) => ({
    subject: `${provider} n’est plus associé à votre compte`,
    paragraphs: [
      `Le compte ${provider} vient d’être dissocié de votre compte Meetinity. Il ne permet plus de vous connecter.`,
    ],
  }),
  factorChanged: (change) => {
    const [subject, paragraph] = {
      factor_added: ['Un facteur de connexion a été ajouté', 'Un second facteur vient d’être ajouté à votre compte.'],
      factor_removed: ['Un facteur de connexion a été supprimé', 'Un second facteur a été retiré de votre compte.'],
      codes_replaced: [
        'Vos codes de secours ont été remplacés',
        'De nouveaux codes de secours viennent d’être créés. Les anciens ne sont plus valables.',
      ],
      recovery_code_used: ['Un code de secours a été utilisé', 'Un code de secours vient d’être utilisé.'],
      totp_suspended: [
        'Les codes de votre application d’authentification sont suspendus',
        'Trop de codes erronés ont été saisis à la suite. Un code de secours vous connecte et lève la suspension.',
      ],
    }[change] as [string, string];
    return { subject, paragraphs: [paragraph] };
  },
  mfaReset: (hours) => ({
    subject: 'Vos seconds facteurs vont être supprimés',
    paragraphs: [
      `Un administrateur fera supprimer tous les seconds facteurs et clés d’accès de votre compte dans ${hours} heures.`,
      'Si vous en avez encore un, connectez-vous avec : la suppression sera annulée.',
    ],
  }),
  newDevice: {
    subject: 'Nouvelle connexion à votre compte',
    paragraphs: ['Votre compte Meetinity a servi sur un appareil ou depuis un réseau qui ne lui étaient pas connus.'],
  },
  signInLocked: {
    subject: 'Trop de mots de passe erronés pour votre compte',
    paragraphs: [
      'Il y a eu trop de tentatives de connexion avec un mot de passe erroné. Les connexions de cette origine sont bloquées pour' +
        ' un moment. Vos appareils restent connectés.',
      'Si c’était vous, réessayez plus tard ou réinitialisez votre mot de passe. Sinon, il n’y a rien à faire : la connexion' +
        ' n’a pas réussi.',
    ],
  },
  passwordDisabled: {
    subject: 'Votre mot de passe a été désactivé',
    paragraphs: [
      'Après trop de mots de passe erronés, le vôtre ne fonctionne plus que là où vous vous êtes déjà connecté.',
      `Vos appareils restent connectés. Un nouveau mot de passe fonctionnera partout. ${linkOnce}`,
    ],
    label: setPassword,
    closing: 'Aucune de ces tentatives n’a réussi.',
  },
  refreshTokenReused: {
    subject: 'Un appareil a été déconnecté de votre compte',
    paragraphs: [
      'Un de vos appareils vient d’être déconnecté de votre compte Meetinity : sa session a servi à deux endroits et a pu être' +
        ' copiée.',
      'Connectez-vous de nouveau sur cet appareil. Les autres restent connectés.',
    ],
  },
  emailChange: {
    subject: 'Confirmez votre nouvelle adresse e-mail',
    paragraphs: [
      'Vous avez demandé à utiliser cette adresse pour votre compte Meetinity. Elle remplacera l’adresse actuelle dès que vous' +
        ' l’aurez confirmée. Le lien fonctionne pendant 24 heures.',
    ],
    label: 'Confirmer la nouvelle adresse',
    closing: 'Si vous n’avez rien demandé, ignorez ce message. Rien ne change.',
  },
  emailChangeRequested: {
    subject: 'Votre adresse e-mail va être modifiée',
    paragraphs: ['Une autre adresse a été demandée pour votre compte. Elle remplacera celle-ci une fois confirmée.'],
  },
  emailChanged: {
    subject: 'Votre adresse e-mail a été modifiée',
    paragraphs: [
      'Votre compte Meetinity a maintenant une autre adresse e-mail. Celle-ci ne permet plus de se connecter.',
      'Pendant 72 heures, cette adresse ne peut servir à aucun autre compte, pour que vous puissiez la récupérer.',
    ],
  },
  addressTaken: {
    subject: 'Vous avez déjà un compte',
    paragraphs: ['Cette adresse a été demandée pour un autre compte Meetinity. Elle est la vôtre : rien n’a changé.'],
    closing: 'Si ce n’était pas vous, ignorez ce message.',
  },
  roleChanged: (role) => ({
    subject: 'Votre rôle a été modifié',
    paragraphs: [
      `Un administrateur a donné à votre compte Meetinity le rôle de ${
        { user: 'membre', moderator: 'modérateur', admin: 'administrateur' }[role]
      }. Tous les appareils ont été déconnectés.`,
    ],
  }),
  statusChanged: (isActive) => ({
    subject: isActive ? 'Votre compte a été réactivé' : 'Votre compte a été désactivé',
    paragraphs: [
      isActive
        ? 'Un administrateur a réactivé votre compte Meetinity. Vous pouvez de nouveau vous connecter.'
        : 'Un administrateur a désactivé votre compte Meetinity. Tous les appareils ont été déconnectés. Pour contester cette' +
          ' décision, contactez l’exploitant.',
    ],
  }),
  firstAdministrator: {
    subject: 'Vous êtes maintenant administrateur',
    paragraphs: [
      'L’exploitant de ce service Meetinity a donné à votre compte le rôle d’administrateur.',
      passwordRemoved,
    ],
    label: setPassword,
    closing: 'Si vous ne vous y attendiez pas, contactez l’exploitant.',
  },
  invitation: {
    subject: 'Vous avez un compte Meetinity',
    paragraphs: [`Un administrateur a créé un compte Meetinity pour cette adresse. ${linkOnce}`],
    label: setPassword,
    closing: 'Si vous ne vous y attendiez pas, ignorez ce message.',
  },
  accountDeleted: {
    subject: 'Votre compte a été supprimé',
    paragraphs: ['Votre compte Meetinity et toutes ses données viennent d’être supprimés.'],
    closing:
      'Si vous ne l’avez pas demandé, contactez l’exploitant et changez le mot de passe du compte partout où vous l’utilisez.',
  },
};
