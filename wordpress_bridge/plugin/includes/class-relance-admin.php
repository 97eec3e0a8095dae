<?php
/**
 * The settings page: one field to connect, one switch for each thing the site can trigger, the last twenty events.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Shows and saves. Every change asks for the right and for the nonce.
 */
class Relance_Admin {

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_action( 'admin_menu', array( __CLASS__, 'menu' ) );
		foreach ( array( 'connect', 'disconnect', 'save', 'test', 'again', 'erase' ) as $what ) {
			add_action( 'admin_post_relance_' . $what, array( __CLASS__, $what ) );
		}
		add_filter( 'plugin_action_links_' . plugin_basename( RELANCE_FILE ), array( __CLASS__, 'link' ) );
	}

	/**
	 * The page's place in the menu.
	 */
	public static function menu() {
		add_options_page( 'Relance', 'Relance', 'manage_options', 'relance', array( __CLASS__, 'page' ) );
	}

	/**
	 * A link on the list of plugins.
	 *
	 * @param array $links The others.
	 * @return array
	 */
	public static function link( $links ) {
		array_unshift( $links, sprintf( '<a href="%s">%s</a>', esc_url( self::address() ), esc_html__( 'Settings', 'relance' ) ) );
		return $links;
	}

	/**
	 * The page's address.
	 *
	 * @return string
	 */
	private static function address() {
		return admin_url( 'options-general.php?page=relance' );
	}

	// What a person does ------------------------------------------------------------------------------------------

	/**
	 * Stops whoever may not.
	 *
	 * @param string $what The action.
	 */
	private static function guard( $what ) {
		if ( ! current_user_can( 'manage_options' ) ) {
			wp_die( esc_html__( 'You are not allowed to change this.', 'relance' ), '', array( 'response' => 403 ) );
		}
		check_admin_referer( 'relance_' . $what );
	}

	/**
	 * Back to the page with a word.
	 *
	 * @param string $type    success or error.
	 * @param string $message The word.
	 */
	private static function back( $type, $message ) {
		set_transient( 'relance_word_' . get_current_user_id(), array( $type, $message ), 60 );
		wp_safe_redirect( self::address() );
		exit;
	}

	/**
	 * A field that was posted. Called after `guard`.
	 *
	 * @param string $name Its name.
	 * @return string
	 */
	private static function field( $name ) {
		// phpcs:ignore WordPress.Security.NonceVerification.Missing -- `guard` has checked it.
		return isset( $_POST[ $name ] ) && is_string( $_POST[ $name ] ) ? sanitize_textarea_field( wp_unslash( $_POST[ $name ] ) ) : '';
	}

	/**
	 * Connects.
	 */
	public static function connect() {
		self::guard( 'connect' );
		$done = Relance_Wire::connect( self::field( 'code' ) );
		if ( is_wp_error( $done ) ) {
			self::back( 'error', $done->get_error_message() );
		}
		self::back( 'success', __( 'Connected. Choose below what your site may trigger.', 'relance' ) );
	}

	/**
	 * Ends the connection, and says so over there.
	 */
	public static function disconnect() {
		self::guard( 'disconnect' );
		self::say_goodbye();
		Relance_Store::connect( array() );
		self::back( 'success', __( 'Disconnected. Your settings are kept.', 'relance' ) );
	}

	/**
	 * Tells Relance that the site leaves; harmless when it cannot be reached.
	 */
	public static function say_goodbye() {
		if ( Relance_Store::connected() ) {
			Relance_Wire::say(
				'events',
				array(
					'version' => RELANCE_VERSION,
					'events'  => array(
						array(
							'id'   => Relance_Store::token(),
							'type' => 'gone',
							'at'   => time(),
							'data' => array( 'site' => home_url( '/' ) ),
						),
					),
				),
				3
			);
		}
	}

	/**
	 * Saves the switches, the forms, the sentences.
	 */
	public static function save() {
		self::guard( 'save' );
		$on = array();
		foreach ( array_keys( self::switches() ) as $what ) {
			$on[ $what ] = '1' === self::field( 'on_' . $what );
		}
		$forms = array();
		foreach ( Relance_Forms::all() as $id => list( , , $fields ) ) {
			$key   = self::key_of( $id );
			$saved = array(
				'on'    => '1' === self::field( $key . '_on' ),
				'alert' => '1' === self::field( $key . '_alert' ),
			);
			foreach ( array( 'phone', 'name', 'email', 'consent' ) as $what ) {
				$chosen         = self::field( $key . '_' . $what );
				$saved[ $what ] = isset( $fields[ $chosen ] ) ? $chosen : '';
			}
			$saved['sentence'] = '' === $saved['consent'] ? '' : mb_substr( $fields[ $saved['consent'] ][0], 0, 500 );
			$forms[ $id ]      = $saved;
		}
		$types = array();
		foreach ( get_post_types( array( 'public' => true ) ) as $type ) {
			if ( '1' === self::field( 'type_' . $type ) ) {
				$types[] = $type;
			}
		}
		$roles = array();
		foreach ( array_keys( wp_roles()->roles ) as $role ) {
			if ( '1' === self::field( 'role_' . $role ) ) {
				$roles[] = $role;
			}
		}
		$login = self::field( 'login' );
		Relance_Store::change(
			array(
				'on'          => $on,
				'forms'       => $forms,
				'post_types'  => $types,
				'owner_phone' => mb_substr( self::field( 'owner_phone' ), 0, 30 ),
				'sentence'    => mb_substr( self::field( 'sentence' ), 0, 500 ),
				'checkout'    => mb_substr( self::field( 'checkout' ), 0, 500 ),
				'login'       => in_array( $login, array( 'second', 'instead' ), true ) ? $login : 'off',
				'login_roles' => $roles,
			)
		);
		self::back( 'success', __( 'Saved.', 'relance' ) );
	}

	/**
	 * A try to the owner's own phone, said at once, by the same way as everything else.
	 */
	public static function test() {
		self::guard( 'test' );
		$phone = self::field( 'phone' );
		if ( strlen( preg_replace( '/\D/', '', $phone ) ) < 6 ) {
			self::back( 'error', Relance_Optin::words( 'number' ) );
		}
		$subject = 'test/' . substr( Relance_Store::token(), 0, 12 );
		Relance_Queue::add(
			'test',
			$subject,
			array(
				'phone'    => $phone,
				'country'  => Relance_Store::country(),
				'language' => Relance_Store::language(),
				'site'     => get_bloginfo( 'name' ),
			)
		);
		Relance_Queue::wake();
		Relance_Queue::work( 5 );
		list( $state, $result ) = Relance_Queue::became( $subject );
		if ( 'sent' === $state ) {
			/* translators: %s: what Relance said of it. */
			self::back( 'success', sprintf( __( 'Relance has it: %s', 'relance' ), $result ) );
		}
		$trouble = get_option( 'relance_trouble', array() );
		self::back( 'error', 'refused' === $state ? $result : ( isset( $trouble['why'] ) ? $trouble['why'] : __( 'It waits in the queue.', 'relance' ) ) );
	}

	/**
	 * Tries again now.
	 */
	public static function again() {
		self::guard( 'again' );
		Relance_Queue::wake();
		Relance_Queue::work( 10 );
		$trouble = get_option( 'relance_trouble', array() );
		if ( isset( $trouble['why'] ) ) {
			self::back( 'error', $trouble['why'] );
		}
		self::back( 'success', __( 'Everything has left.', 'relance' ) );
	}

	/**
	 * Forgets a person of whom only the number is known.
	 */
	public static function erase() {
		self::guard( 'erase' );
		$phone = self::field( 'phone' );
		if ( strlen( preg_replace( '/\D/', '', $phone ) ) < 6 ) {
			self::back( 'error', Relance_Optin::words( 'number' ) );
		}
		Relance_Privacy::erase_phone( $phone );
		self::back( 'success', __( 'Erased here, and Relance is told to erase this person too.', 'relance' ) );
	}

	// What a person sees ------------------------------------------------------------------------------------------

	/**
	 * What the site can trigger beside forms.
	 *
	 * @return array Name => title, words, whether it is here.
	 */
	private static function switches() {
		$shop = class_exists( 'WooCommerce' );
		return array(
			'members'  => array( __( 'Members', 'relance' ), __( 'A new account, and a number that changes: a welcome.', 'relance' ), true ),
			'comments' => array( __( 'Comments', 'relance' ), __( 'A new comment: a word to you.', 'relance' ), true ),
			'posts'    => array( __( 'New posts', 'relance' ), __( 'A new post: a word to those who opted in, once, never for an edit.', 'relance' ), true ),
			'optin'    => array( __( 'Opt-in form', 'relance' ), __( 'The block “Text message opt-in”, or the shortcode [relance_optin].', 'relance' ), true ),
			'carts'    => array( __( 'Carts', 'relance' ), __( 'Carts that were left, with a consent box on the checkout.', 'relance' ), $shop ),
			'orders'   => array( __( 'Orders', 'relance' ), __( 'Each status of an order, once.', 'relance' ), $shop ),
		);
	}

	/**
	 * A form's id as part of a field's name.
	 *
	 * @param string $id "cf7:5".
	 * @return string
	 */
	private static function key_of( $id ) {
		return 'form_' . preg_replace( '/[^a-z0-9]/', '_', $id );
	}

	/**
	 * The page.
	 */
	public static function page() {
		if ( ! current_user_can( 'manage_options' ) ) {
			return;
		}
		echo '<div class="wrap"><h1>Relance</h1>';
		$word = get_transient( 'relance_word_' . get_current_user_id() );
		if ( is_array( $word ) ) {
			delete_transient( 'relance_word_' . get_current_user_id() );
			printf( '<div class="notice notice-%s is-dismissible"><p>%s</p></div>', esc_attr( $word[0] ), esc_html( $word[1] ) );
		}
		if ( ! Relance_Store::connected() ) {
			self::connect_form();
		} else {
			self::connection();
			self::choices();
			self::events();
			self::erase_form();
		}
		echo '</div>';
	}

	/**
	 * Begins a form of ours.
	 *
	 * @param string $what The action.
	 */
	private static function open( $what ) {
		printf( '<form method="post" action="%s"><input type="hidden" name="action" value="%s">', esc_url( admin_url( 'admin-post.php' ) ), esc_attr( 'relance_' . $what ) );
		wp_nonce_field( 'relance_' . $what );
	}

	/**
	 * One field, one button.
	 */
	private static function connect_form() {
		echo '<p>' . esc_html__( 'In Relance: Connections → WordPress → copy the connection code. It works once.', 'relance' ) . '</p>';
		self::open( 'connect' );
		?>
		<table class="form-table" role="presentation"><tr>
			<th><label for="relance-code"><?php esc_html_e( 'Connection code', 'relance' ); ?></label></th>
			<td><input type="text" class="large-text code" id="relance-code" name="code" autocomplete="off" spellcheck="false" required placeholder="RLC-…"></td>
		</tr></table>
		<?php
		submit_button( __( 'Connect', 'relance' ) );
		echo '</form>';
	}

	/**
	 * How the connection does.
	 */
	private static function connection() {
		$connection = Relance_Store::connection();
		$waiting    = Relance_Queue::waiting();
		$trouble    = get_option( 'relance_trouble', array() );
		$settings   = Relance_Store::settings();
		$secret     = isset( $connection['secret'] ) ? (string) $connection['secret'] : '';
		$host       = isset( $connection['hook'] ) ? (string) wp_parse_url( $connection['hook'], PHP_URL_HOST ) : '';
		echo '<p>';
		/* translators: 1: a host, 2: a name, 3: the end of a secret. */
		echo esc_html( sprintf( __( 'Connected to %1$s (%2$s), key …%3$s.', 'relance' ), $host, isset( $connection['name'] ) ? $connection['name'] : '', substr( $secret, -4 ) ) );
		echo '</p>';
		if ( $waiting ) {
			echo '<div class="notice notice-warning inline"><p>';
			/* translators: %d: how many. */
			echo esc_html( sprintf( _n( '%d event waits.', '%d events wait.', $waiting, 'relance' ), $waiting ) . ' ' . ( isset( $trouble['why'] ) ? $trouble['why'] : '' ) );
			echo '</p></div>';
			self::open( 'again' );
			submit_button( __( 'Try again now', 'relance' ), 'secondary', 'submit', false );
			echo '</form>';
		}
		echo '<h2>' . esc_html__( 'Send a test to my phone', 'relance' ) . '</h2>';
		self::open( 'test' );
		printf(
			'<p><label class="screen-reader-text" for="relance-test">%s</label><input type="tel" id="relance-test" name="phone" value="%s" placeholder="06 …"> ',
			esc_html__( 'My mobile number', 'relance' ),
			esc_attr( $settings['owner_phone'] )
		);
		submit_button( __( 'Send', 'relance' ), 'secondary', 'submit', false );
		echo '</p></form>';
		self::open( 'disconnect' );
		submit_button( __( 'Disconnect', 'relance' ), 'link-delete', 'submit', false );
		echo '</form>';
	}

	/**
	 * What the site can trigger.
	 */
	private static function choices() {
		$settings = Relance_Store::settings();
		echo '<h2>' . esc_html__( 'What your site can trigger', 'relance' ) . '</h2>';
		echo '<p>' . esc_html__( 'A switch lets an event reach Relance. Whether a message leaves is decided there, by your rules.', 'relance' ) . '</p>';
		self::open( 'save' );
		echo '<table class="form-table" role="presentation">';
		foreach ( self::switches() as $what => list( $title, $words, $here ) ) {
			if ( $here ) {
				self::row( 'on_' . $what, $title, ! empty( $settings['on'][ $what ] ), $words );
			}
		}
		echo '<tr><th><label for="relance-owner">' . esc_html__( 'My mobile number', 'relance' ) . '</label></th><td>';
		printf( '<input type="tel" id="relance-owner" name="owner_phone" value="%s"> <p class="description">%s</p></td></tr>', esc_attr( $settings['owner_phone'] ), esc_html__( 'For the words to you: new comments, forms.', 'relance' ) );
		echo '<tr><th>' . esc_html__( 'Posts of these kinds', 'relance' ) . '</th><td>';
		foreach ( get_post_types( array( 'public' => true ), 'objects' ) as $type ) {
			if ( 'attachment' !== $type->name ) {
				self::box( 'type_' . $type->name, $type->label, in_array( $type->name, (array) $settings['post_types'], true ) );
			}
		}
		echo '</td></tr></table>';
		self::forms( $settings );
		echo '<h3>' . esc_html__( 'The sentences people agree to', 'relance' ) . '</h3><table class="form-table" role="presentation">';
		self::words( 'sentence', __( 'Opt-in form', 'relance' ), $settings['sentence'], Relance_Optin::sentence() );
		if ( class_exists( 'WooCommerce' ) ) {
			self::words( 'checkout', __( 'Checkout', 'relance' ), $settings['checkout'], Relance_Shop::sentence() );
		}
		echo '</table>';
		self::login( $settings );
		submit_button( __( 'Save', 'relance' ) );
		echo '</form>';
	}

	/**
	 * A row with one box.
	 *
	 * @param string $name  The field's name.
	 * @param string $title The row's title.
	 * @param bool   $on    Whether it is ticked.
	 * @param string $words What it means.
	 */
	private static function row( $name, $title, $on, $words ) {
		echo '<tr><th>' . esc_html( $title ) . '</th><td>';
		self::box( $name, $words, $on );
		echo '</td></tr>';
	}

	/**
	 * A box.
	 *
	 * @param string $name  The field's name.
	 * @param string $words What it means.
	 * @param bool   $on    Whether it is ticked.
	 */
	private static function box( $name, $words, $on ) {
		printf( '<label><input type="checkbox" name="%s" value="1"%s> %s</label><br>', esc_attr( $name ), checked( $on, true, false ), esc_html( $words ) );
	}

	/**
	 * A sentence to be changed.
	 *
	 * @param string $name    The field's name.
	 * @param string $title   The row's title.
	 * @param string $value   What was typed.
	 * @param string $instead What is said without it.
	 */
	private static function words( $name, $title, $value, $instead ) {
		printf(
			'<tr><th><label for="relance-%1$s">%2$s</label></th><td><textarea id="relance-%1$s" name="%1$s" rows="2" class="large-text" placeholder="%3$s">%4$s</textarea></td></tr>',
			esc_attr( $name ),
			esc_html( $title ),
			esc_attr( $instead ),
			esc_textarea( $value )
		);
	}

	/**
	 * The forms that are here, with what their fields mean.
	 *
	 * @param array $settings The settings.
	 */
	private static function forms( array $settings ) {
		$forms = Relance_Forms::all();
		echo '<h3>' . esc_html__( 'Forms', 'relance' ) . '</h3>';
		if ( array() === $forms ) {
			echo '<p>' . esc_html__( 'No form of Contact Form 7, WPForms or Gravity Forms was found.', 'relance' ) . '</p>';
			return;
		}
		$names = array(
			'phone'   => __( 'Telephone', 'relance' ),
			'consent' => __( 'Agreement to text messages', 'relance' ),
			'name'    => __( 'Name', 'relance' ),
			'email'   => __( 'E-mail', 'relance' ),
		);
		echo '<table class="widefat striped"><thead><tr><th>' . esc_html__( 'Form', 'relance' ) . '</th>';
		foreach ( $names as $name ) {
			echo '<th>' . esc_html( $name ) . '</th>';
		}
		echo '<th>' . esc_html__( 'Tell me too', 'relance' ) . '</th></tr></thead><tbody>';
		foreach ( $forms as $id => list( $title, $plugin, $fields ) ) {
			$key   = self::key_of( $id );
			$guess = Relance_Forms::guess( $fields );
			$saved = isset( $settings['forms'][ $id ] ) ? $settings['forms'][ $id ] : $guess;
			echo '<tr><td>';
			self::box( $key . '_on', $title . ' (' . $plugin . ')', ! empty( $saved['on'] ) );
			echo '</td>';
			foreach ( $names as $what => $name ) {
				printf( '<td><select name="%s" aria-label="%s" style="max-width: 11em"><option value="">—</option>', esc_attr( $key . '_' . $what ), esc_attr( $name ) );
				foreach ( $fields as $field => list( $label ) ) {
					printf( '<option value="%s"%s>%s</option>', esc_attr( $field ), selected( isset( $saved[ $what ] ) ? $saved[ $what ] : '', (string) $field, false ), esc_html( $label ) );
				}
				echo '</select></td>';
			}
			echo '<td>';
			self::box( $key . '_alert', __( 'Yes', 'relance' ), ! empty( $saved['alert'] ) );
			echo '</td></tr>';
		}
		echo '</tbody></table>';
	}

	/**
	 * Log-in by code.
	 *
	 * @param array $settings The settings.
	 */
	private static function login( array $settings ) {
		echo '<h3>' . esc_html__( 'Log-in with a code by text message', 'relance' ) . '</h3><table class="form-table" role="presentation"><tr><th>' . esc_html__( 'When', 'relance' ) . '</th><td>';
		$ways = array(
			'off'     => __( 'Never', 'relance' ),
			'second'  => __( 'After the password, for those who confirmed a number on their profile', 'relance' ),
			'instead' => __( 'Also instead of the password, for the roles below. Nobody who may change the site can use it.', 'relance' ),
		);
		foreach ( $ways as $way => $words ) {
			printf( '<label><input type="radio" name="login" value="%s"%s> %s</label><br>', esc_attr( $way ), checked( $settings['login'], $way, false ), esc_html( $words ) );
		}
		/* translators: %s: a line of PHP. */
		echo '<p class="description">' . esc_html( sprintf( __( 'Should the codes stop arriving, this line in wp-config.php opens the door again: %s', 'relance' ), "define( 'RELANCE_LOGIN_OFF', true );" ) ) . '</p>';
		echo '</td></tr><tr><th>' . esc_html__( 'Roles without password', 'relance' ) . '</th><td>';
		foreach ( wp_roles()->get_names() as $role => $name ) {
			$object = get_role( $role );
			if ( $object && ! $object->has_cap( 'manage_options' ) && ! $object->has_cap( 'edit_others_posts' ) && ! $object->has_cap( 'manage_woocommerce' ) ) {
				self::box( 'role_' . $role, translate_user_role( $name ), in_array( $role, (array) $settings['login_roles'], true ) );
			}
		}
		echo '</td></tr></table>';
	}

	/**
	 * The last twenty events.
	 */
	private static function events() {
		$states = array(
			'waiting' => __( 'waits', 'relance' ),
			'sent'    => __( 'received', 'relance' ),
			'refused' => __( 'refused', 'relance' ),
		);
		echo '<h2>' . esc_html__( 'The last events', 'relance' ) . '</h2>';
		$rows = Relance_Queue::last();
		if ( array() === $rows ) {
			echo '<p>' . esc_html__( 'Nothing yet. Send a form, or a test.', 'relance' ) . '</p>';
			return;
		}
		echo '<table class="widefat striped"><thead><tr><th>' . esc_html__( 'When', 'relance' ) . '</th><th>' . esc_html__( 'What', 'relance' ) . '</th><th>' . esc_html__( 'State', 'relance' ) . '</th><th>' . esc_html__( 'Result', 'relance' ) . '</th></tr></thead><tbody>';
		foreach ( $rows as $row ) {
			printf(
				'<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>',
				esc_html( wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), (int) $row->created ) ),
				esc_html( self::name_of( $row->type ) ),
				esc_html( isset( $states[ $row->state ] ) ? $states[ $row->state ] : $row->state ),
				esc_html( $row->result )
			);
		}
		echo '</tbody></table>';
	}

	/**
	 * A kind of event in words.
	 *
	 * @param string $type The kind.
	 * @return string
	 */
	private static function name_of( $type ) {
		$names = array(
			'form'       => __( 'Form', 'relance' ),
			'member'     => __( 'Member', 'relance' ),
			'comment'    => __( 'Comment', 'relance' ),
			'post'       => __( 'New post', 'relance' ),
			'subscriber' => __( 'Opt-in', 'relance' ),
			'consent'    => __( 'Unsubscribed', 'relance' ),
			'cart'       => __( 'Cart', 'relance' ),
			'order'      => __( 'Order', 'relance' ),
			'erase'      => __( 'Erasure', 'relance' ),
			'test'       => __( 'Test', 'relance' ),
		);
		return isset( $names[ $type ] ) ? $names[ $type ] : $type;
	}

	/**
	 * Erasure by number.
	 */
	private static function erase_form() {
		echo '<h2>' . esc_html__( 'Erase a person by number', 'relance' ) . '</h2><p>' . esc_html__( 'WordPress’s own privacy tools find people by e-mail. Who left only a number is erased here.', 'relance' ) . '</p>';
		self::open( 'erase' );
		printf( '<p><label class="screen-reader-text" for="relance-erase">%s</label><input type="tel" id="relance-erase" name="phone" required> ', esc_html__( 'Mobile number', 'relance' ) );
		submit_button( __( 'Erase', 'relance' ), 'delete', 'submit', false );
		echo '</p></form>';
	}
}
