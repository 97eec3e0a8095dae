<?php
/**
 * Opt-in by text message: a number, a box that nobody ticked beforehand, a code by SMS. Block, shortcode, and plain HTML.
 *
 * Works without JavaScript and on cached pages: there is no nonce to grow old. What guards it is a trap for robots, few
 * attempts for each address and number, the same answer for a known and an unknown number, and the code itself.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Asks, checks, keeps the proof, and lets people leave.
 */
class Relance_Optin {

	const LIVES = 900;

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_shortcode( 'relance_optin', array( __CLASS__, 'render' ) );
		add_action( 'init', array( __CLASS__, 'register_block' ) );
		add_action( 'admin_post_nopriv_relance_optin', array( __CLASS__, 'posted' ) );
		add_action( 'admin_post_relance_optin', array( __CLASS__, 'posted' ) );
		add_action( 'template_redirect', array( __CLASS__, 'leaving' ) );
	}

	/**
	 * The block: the same renderer as the shortcode.
	 */
	public static function register_block() {
		wp_register_script(
			'relance-block',
			plugins_url( 'assets/block.js', RELANCE_FILE ),
			array( 'wp-blocks', 'wp-element', 'wp-block-editor', 'wp-components', 'wp-i18n', 'wp-server-side-render' ),
			RELANCE_VERSION,
			true
		);
		wp_register_style( 'relance-optin', plugins_url( 'assets/optin.css', RELANCE_FILE ), array(), RELANCE_VERSION );
		wp_set_script_translations( 'relance-block', 'relance', RELANCE_DIR . 'languages' );
		register_block_type( RELANCE_DIR . 'blocks/optin', array( 'render_callback' => array( __CLASS__, 'render' ) ) );
	}

	/**
	 * The sentence that people agree to.
	 *
	 * @return string
	 */
	public static function sentence() {
		$settings = Relance_Store::settings();
		if ( '' !== trim( $settings['sentence'] ) ) {
			return $settings['sentence'];
		}
		/* translators: %s: the site's name. */
		return sprintf( __( 'I agree to receive news and offers from %s by text message. I can stop at any time by answering STOP.', 'relance' ), get_bloginfo( 'name' ) );
	}

	/**
	 * The form.
	 *
	 * @param array|string $attributes title, button, name ("yes" asks for a first name too).
	 * @return string
	 */
	public static function render( $attributes = array() ) {
		if ( ! Relance_Store::is_on( 'optin' ) ) {
			return current_user_can( 'manage_options' ) ? '<p>' . esc_html__( 'The opt-in form is switched off in Settings → Relance. Visitors see nothing here.', 'relance' ) . '</p>' : '';
		}
		$given = shortcode_atts(
			array(
				'title'  => '',
				'button' => '',
				'name'   => 'yes',
			),
			is_array( $attributes ) ? $attributes : array(),
			'relance_optin'
		);
		wp_enqueue_style( 'relance-optin' );
		wp_enqueue_script( 'relance-optin', plugins_url( 'assets/optin.js', RELANCE_FILE ), array(), RELANCE_VERSION, true );

		$id    = wp_unique_id( 'relance-' );
		// phpcs:disable WordPress.Security.NonceVerification.Recommended -- a page that is only shown; nothing is changed.
		$step  = isset( $_GET['relance_step'] ) ? sanitize_key( wp_unslash( $_GET['relance_step'] ) ) : '';
		$token = isset( $_GET['relance_token'] ) ? sanitize_key( wp_unslash( $_GET['relance_token'] ) ) : '';
		// phpcs:enable
		ob_start();
		?>
		<div class="relance-optin" id="<?php echo esc_attr( $id ); ?>">
		<?php if ( '' !== $given['title'] ) : ?>
			<h2><?php echo esc_html( $given['title'] ); ?></h2>
		<?php endif; ?>
		<p class="relance-said" role="status" aria-live="polite"><?php echo esc_html( self::words( $step ) ); ?></p>
		<form class="relance-ask" method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" data-rest="<?php echo esc_url( rest_url( 'relance/v1/optin/start' ) ); ?>"<?php echo in_array( $step, array( 'code', 'wrong', 'done' ), true ) ? ' hidden' : ''; ?>>
			<input type="hidden" name="action" value="relance_optin">
			<input type="hidden" name="step" value="start">
			<input type="hidden" name="page" value="<?php echo esc_url( self::here() ); ?>">
			<?php if ( 'yes' === $given['name'] ) : ?>
			<p><label for="<?php echo esc_attr( $id ); ?>-name"><?php esc_html_e( 'First name (optional)', 'relance' ); ?></label>
			<input type="text" id="<?php echo esc_attr( $id ); ?>-name" name="name" autocomplete="given-name" maxlength="80"></p>
			<?php endif; ?>
			<p><label for="<?php echo esc_attr( $id ); ?>-phone"><?php esc_html_e( 'Mobile number', 'relance' ); ?></label>
			<input type="tel" id="<?php echo esc_attr( $id ); ?>-phone" name="phone" autocomplete="tel" required maxlength="30"></p>
			<p class="relance-trap" aria-hidden="true"><label><?php esc_html_e( 'Leave this field empty', 'relance' ); ?> <input type="text" name="website" tabindex="-1" autocomplete="off"></label></p>
			<p><label><input type="checkbox" name="yes" value="1" required> <?php echo esc_html( self::sentence() ); ?></label>
			<input type="hidden" name="version" value="<?php echo esc_attr( Relance_Store::version_of( self::sentence() ) ); ?>"></p>
			<p><button type="submit"><?php echo esc_html( '' !== $given['button'] ? $given['button'] : __( 'Send me a code', 'relance' ) ); ?></button></p>
		</form>
		<form class="relance-check" method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" data-rest="<?php echo esc_url( rest_url( 'relance/v1/optin/check' ) ); ?>"<?php echo in_array( $step, array( 'code', 'wrong' ), true ) ? '' : ' hidden'; ?>>
			<input type="hidden" name="action" value="relance_optin">
			<input type="hidden" name="step" value="check">
			<input type="hidden" name="page" value="<?php echo esc_url( self::here() ); ?>">
			<input type="hidden" name="token" value="<?php echo esc_attr( $token ); ?>">
			<p><label for="<?php echo esc_attr( $id ); ?>-code"><?php esc_html_e( 'The code we have just sent you', 'relance' ); ?></label>
			<input type="text" id="<?php echo esc_attr( $id ); ?>-code" name="code" inputmode="numeric" autocomplete="one-time-code" required pattern="[0-9 ]{4,12}" maxlength="12"></p>
			<p><button type="submit"><?php esc_html_e( 'Confirm', 'relance' ); ?></button></p>
		</form>
		</div>
		<?php
		return (string) ob_get_clean();
	}

	/**
	 * What is said after a step.
	 *
	 * @param string $step code, wrong, done, busy, number, box, away.
	 * @return string
	 */
	public static function words( $step ) {
		$words = array(
			'code'   => __( 'If this number can receive text messages, a code is on its way. It is good for ten minutes.', 'relance' ),
			'wrong'  => __( 'This code is not the right one, or it is too old.', 'relance' ),
			'done'   => __( 'Thank you, your number is confirmed. Answer STOP to any message to leave.', 'relance' ),
			'busy'   => __( 'Too many attempts. Please try again in an hour.', 'relance' ),
			'number' => __( 'This is not a mobile number we can write to. Try with the country code, such as +33.', 'relance' ),
			'box'    => __( 'Please tick the box: without your agreement we cannot write to you.', 'relance' ),
			'away'   => __( 'The code could not be sent. Please try again in a few minutes.', 'relance' ),
		);
		return isset( $words[ $step ] ) ? $words[ $step ] : '';
	}

	/**
	 * This page's address without our own parameters.
	 *
	 * @return string
	 */
	private static function here() {
		$uri  = isset( $_SERVER['REQUEST_URI'] ) ? esc_url_raw( wp_unslash( $_SERVER['REQUEST_URI'] ) ) : '/';
		$home = wp_parse_url( home_url( '/' ) );
		$site = $home['scheme'] . '://' . $home['host'] . ( isset( $home['port'] ) ? ':' . $home['port'] : '' );
		return remove_query_arg( array( 'relance_step', 'relance_token' ), $site . $uri );
	}

	/**
	 * Without JavaScript: the form was posted, the answer is the page again.
	 */
	public static function posted() {
		// phpcs:disable WordPress.Security.NonceVerification.Missing -- a public form on cached pages; see the first lines of this file.
		$given = array();
		foreach ( array( 'step', 'phone', 'name', 'website', 'yes', 'version', 'token', 'code' ) as $name ) {
			$given[ $name ] = isset( $_POST[ $name ] ) ? sanitize_text_field( wp_unslash( $_POST[ $name ] ) ) : '';
		}
		$page          = isset( $_POST['page'] ) ? esc_url_raw( wp_unslash( $_POST['page'] ) ) : '';
		$page          = wp_validate_redirect( $page, home_url( '/' ) );
		$given['page'] = $page;
		// phpcs:enable
		$said = 'check' === $given['step'] ? self::check( $given ) : self::start( $given );
		$back = array( 'relance_step' => $said['step'] );
		if ( isset( $said['token'] ) ) {
			$back['relance_token'] = $said['token'];
		}
		wp_safe_redirect( add_query_arg( $back, $page ) . '#relance' );
		exit;
	}

	/**
	 * Somebody asks for a code.
	 *
	 * @param array $given phone, name, website (the trap), yes, version, page.
	 * @return array step and token.
	 */
	public static function start( array $given ) {
		global $wpdb;
		$given += array(
			'phone'   => '',
			'name'    => '',
			'website' => '',
			'yes'     => '',
			'page'    => '',
		);
		$said   = array(
			'step'  => 'code',
			'token' => Relance_Store::token(),
		);
		if ( ! Relance_Store::is_on( 'optin' ) ) {
			return array( 'step' => 'away' );
		}
		if ( '' !== $given['website'] ) {
			return $said;
		}
		if ( '1' !== (string) $given['yes'] ) {
			return array( 'step' => 'box' );
		}
		$digits = preg_replace( '/\D/', '', $given['phone'] );
		if ( strlen( $digits ) < 6 || strlen( $digits ) > 17 ) {
			return array( 'step' => 'number' );
		}
		$ip = Relance_Store::ip();
		if ( Relance_Store::too_many( 'optin_hour', $ip, 5, HOUR_IN_SECONDS ) || Relance_Store::too_many( 'optin_day', $ip, 20, DAY_IN_SECONDS ) ) {
			return array( 'step' => 'busy' );
		}
		if ( Relance_Store::too_many( 'optin_number', $digits, 1, MINUTE_IN_SECONDS ) ) {
			return array( 'step' => 'busy' );
		}
		$answer = Relance_Wire::say(
			'code/start',
			array(
				'phone'    => $given['phone'],
				'country'  => Relance_Store::country(),
				'ip'       => $ip,
				'language' => Relance_Store::language(),
				'purpose'  => 'optin',
			),
			8
		);
		$json   = is_array( $answer['json'] ) ? $answer['json'] : array();
		if ( 200 !== $answer['status'] ) {
			return array( 'step' => isset( $json['code'] ) && 0 === strpos( (string) $json['code'], 'number' ) ? 'number' : 'away' );
		}
		$sentence = self::sentence();
		$wpdb->insert(
			Relance_Store::table( 'people' ),
			array(
				'token'        => $said['token'],
				'phone'        => isset( $json['number'] ) ? substr( (string) $json['number'], 0, 20 ) : '',
				'name'         => mb_substr( sanitize_text_field( $given['name'] ), 0, 80 ),
				'sentence'     => $sentence,
				'version'      => Relance_Store::version_of( $sentence ),
				'page'         => substr( esc_url_raw( strtok( (string) $given['page'], '?#' ) ), 0, 250 ),
				'ip'           => $ip,
				'verification' => isset( $json['verification'] ) ? substr( (string) $json['verification'], 0, 64 ) : '',
				'asked'        => time(),
			)
		);
		return $said;
	}

	/**
	 * Somebody types the code.
	 *
	 * @param array $given token, code.
	 * @return array step.
	 */
	public static function check( array $given ) {
		global $wpdb;
		$token = isset( $given['token'] ) ? (string) $given['token'] : '';
		$code  = isset( $given['code'] ) ? preg_replace( '/\D/', '', $given['code'] ) : '';
		$wrong = array(
			'step'  => 'wrong',
			'token' => $token,
		);
		if ( ! preg_match( '/^[0-9a-f]{32}$/', $token ) || ! preg_match( '/^\d{4,10}$/', $code ) ) {
			return $wrong;
		}
		if ( Relance_Store::too_many( 'code', $token, 5, self::LIVES ) || Relance_Store::too_many( 'code_ip', Relance_Store::ip(), 30, HOUR_IN_SECONDS ) ) {
			return $wrong;
		}
		$table = Relance_Store::table( 'people' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE token = %s AND state = 'pending' AND asked > %d", $token, time() - self::LIVES ) );
		if ( ! $row || '' === $row->verification ) {
			return $wrong;
		}
		$answer = Relance_Wire::say(
			'code/check',
			array(
				'verification' => $row->verification,
				'code'         => $code,
			),
			8
		);
		if ( 200 !== $answer['status'] ) {
			return array(
				'step'  => 0 === $answer['status'] ? 'away' : 'wrong',
				'token' => $token,
			);
		}
		if ( ! isset( $answer['json']['state'] ) || 'approved' !== $answer['json']['state'] ) {
			return $wrong;
		}
		self::confirm( $row );
		return array( 'step' => 'done' );
	}

	/**
	 * The number is the person's own: the yes counts, with its proof.
	 *
	 * @param object $row The person.
	 */
	private static function confirm( $row ) {
		global $wpdb;
		$table = Relance_Store::table( 'people' );
		// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$table} WHERE phone = %s AND id <> %d", $row->phone, $row->id ) );
		$wpdb->update(
			$table,
			array(
				'state'    => 'confirmed',
				'answered' => time(),
			),
			array( 'id' => $row->id )
		);
		Relance_Queue::add(
			'subscriber',
			'subscriber/' . $row->token,
			array(
				'token'    => $row->token,
				'phone'    => $row->phone,
				'name'     => $row->name,
				'language' => Relance_Store::language(),
				'leave'    => add_query_arg( 'relance_leave', $row->token, home_url( '/' ) ),
				'consent'  => array(
					'granted' => true,
					'text'    => $row->sentence,
					'version' => $row->version,
					'place'   => $row->page,
					'at'      => time(),
					'asked'   => (int) $row->asked,
					'ip'      => $row->ip,
					'way'     => 'double_opt_in',
				),
			)
		);
	}

	/**
	 * The link by which a person leaves: a page with one button, since links are opened by machines too.
	 */
	public static function leaving() {
		global $wpdb;
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- the random token is the proof.
		$token = isset( $_REQUEST['relance_leave'] ) ? sanitize_key( wp_unslash( $_REQUEST['relance_leave'] ) ) : '';
		if ( ! preg_match( '/^[0-9a-f]{32}$/', $token ) ) {
			return;
		}
		nocache_headers();
		header( 'Referrer-Policy: no-referrer' );
		$table = Relance_Store::table( 'people' );
		if ( isset( $_SERVER['REQUEST_METHOD'] ) && 'POST' === $_SERVER['REQUEST_METHOD'] ) {
			// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
			$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$table} WHERE token = %s AND state = 'confirmed'", $token ) );
			if ( $row ) {
				self::left( $row );
			}
			wp_die( esc_html__( 'Done: we do not write to this number any more.', 'relance' ), esc_html__( 'Unsubscribed', 'relance' ), array( 'response' => 200 ) );
		}
		wp_die(
			'<p>' . esc_html__( 'Stop receiving our text messages?', 'relance' ) . '</p><form method="post"><input type="hidden" name="relance_leave" value="' . esc_attr( $token ) . '"><button type="submit">' . esc_html__( 'Yes, stop', 'relance' ) . '</button></form>',
			esc_html__( 'Unsubscribe', 'relance' ),
			array( 'response' => 200 )
		);
	}

	/**
	 * A person leaves.
	 *
	 * @param object $row The person.
	 */
	private static function left( $row ) {
		global $wpdb;
		$wpdb->update(
			Relance_Store::table( 'people' ),
			array(
				'state'    => 'left',
				'answered' => time(),
			),
			array( 'id' => $row->id )
		);
		Relance_Queue::add(
			'consent',
			'consent/' . $row->token,
			array(
				'phone'   => $row->phone,
				'consent' => array(
					'granted' => false,
					'place'   => home_url( '/' ),
					'at'      => time(),
					'ip'      => Relance_Store::ip(),
					'way'     => 'link',
				),
			)
		);
	}
}
