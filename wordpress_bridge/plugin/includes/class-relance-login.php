<?php
/**
 * Log-in with a code by text message: as a second step after the password, or instead of it where the owner chose that.
 *
 * Off until the owner decides. Only a number that its account confirmed by code counts. Nobody who may change the site
 * logs in without a password, and a second factor that is there already is never gone around. Should the codes not
 * arrive, `define( 'RELANCE_LOGIN_OFF', true );` in wp-config.php opens the door again.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Confirms numbers, asks for codes, lets in.
 */
class Relance_Login {

	const LIVES = 600;

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_filter( 'authenticate', array( __CLASS__, 'second_step' ), 200 );
		add_action( 'login_form', array( __CLASS__, 'offer' ) );
		add_action( 'login_form_relance', array( __CLASS__, 'ask_page' ) );
		add_action( 'login_form_relance_code', array( __CLASS__, 'code_page' ) );
		add_filter( 'two_factor_providers', array( __CLASS__, 'provider' ) );
		add_action( 'show_user_profile', array( __CLASS__, 'profile' ) );
	}

	/**
	 * The way that the owner chose.
	 *
	 * @return string off, second or instead.
	 */
	public static function way() {
		if ( ( defined( 'RELANCE_LOGIN_OFF' ) && RELANCE_LOGIN_OFF ) || ! Relance_Store::connected() ) {
			return 'off';
		}
		$settings = Relance_Store::settings();
		return in_array( $settings['login'], array( 'second', 'instead' ), true ) ? $settings['login'] : 'off';
	}

	/**
	 * The number that the account confirmed.
	 *
	 * @param int $user The user's id.
	 * @return string
	 */
	private static function confirmed( $user ) {
		return get_user_meta( $user, 'relance_verified', true ) ? (string) get_user_meta( $user, 'relance_phone', true ) : '';
	}

	/**
	 * Whether another plugin asks this person for a second factor already. Its log-in is only complete after that.
	 *
	 * @param int $user The user's id.
	 * @return bool
	 */
	private static function has_other_factor( $user ) {
		return class_exists( 'Two_Factor_Core' ) && is_callable( array( 'Two_Factor_Core', 'is_user_using_two_factor' ) ) && Two_Factor_Core::is_user_using_two_factor( $user );
	}

	/**
	 * Whether this person may come in without a password: never one who may change the site or other people's texts.
	 *
	 * @param WP_User $user The user.
	 * @return bool
	 */
	private static function may_without_password( $user ) {
		$settings = Relance_Store::settings();
		return 'instead' === self::way()
			&& array_intersect( (array) $user->roles, (array) $settings['login_roles'] )
			&& ! user_can( $user, 'manage_options' ) && ! user_can( $user, 'edit_others_posts' ) && ! user_can( $user, 'manage_woocommerce' ) && ! is_super_admin( $user->ID )
			&& '' !== self::confirmed( $user->ID )
			&& ! self::has_other_factor( $user->ID );
	}

	/**
	 * The providers of the Two-Factor plugin, and ours.
	 *
	 * @param array $providers Class => file.
	 * @return array
	 */
	public static function provider( $providers ) {
		if ( 'off' !== self::way() ) {
			$providers['Relance_Two_Factor'] = RELANCE_DIR . 'includes/class-relance-two-factor.php';
		}
		return $providers;
	}

	// Asking and checking -----------------------------------------------------------------------------------------

	/**
	 * Sends a code to a number.
	 *
	 * @param string $phone   The number.
	 * @param string $purpose login or phone.
	 * @param bool   $known   Whether the person has proven something already, by a password.
	 * @return array|string verification and number, or the step that says why not.
	 */
	public static function send_code( $phone, $purpose, $known = true ) {
		$answer = Relance_Wire::say(
			'code/start',
			array(
				'phone'     => $phone,
				'country'   => Relance_Store::country(),
				'ip'        => Relance_Store::ip(),
				'language'  => Relance_Store::language(),
				'purpose'   => $purpose,
				'signed_in' => $known,
			),
			8
		);
		$json   = is_array( $answer['json'] ) ? $answer['json'] : array();
		if ( 200 !== $answer['status'] || empty( $json['verification'] ) || empty( $json['number'] ) ) {
			return isset( $json['code'] ) && 0 === strpos( (string) $json['code'], 'number' ) ? 'number' : 'away';
		}
		return array( (string) $json['verification'], (string) $json['number'] );
	}

	/**
	 * Whether the code is the right one.
	 *
	 * @param string $verification As `send_code` gave it.
	 * @param string $code         As it was typed.
	 * @return bool
	 */
	public static function is_right( $verification, $code ) {
		$code = preg_replace( '/\D/', '', $code );
		if ( '' === $verification || ! preg_match( '/^\d{4,10}$/', $code ) ) {
			return false;
		}
		$answer = Relance_Wire::say(
			'code/check',
			array(
				'verification' => $verification,
				'code'         => $code,
			),
			8
		);
		return 200 === $answer['status'] && isset( $answer['json']['state'] ) && 'approved' === $answer['json']['state'];
	}

	/**
	 * A member confirms a number: the code leaves.
	 *
	 * @param int    $user  The user's id.
	 * @param string $phone The number.
	 * @return array step.
	 */
	public static function phone_start( $user, $phone ) {
		if ( 'off' === self::way() || Relance_Store::too_many( 'phone', (string) $user, 3, HOUR_IN_SECONDS ) ) {
			return array( 'step' => 'busy' );
		}
		$sent = self::send_code( $phone, 'phone' );
		if ( ! is_array( $sent ) ) {
			return array( 'step' => $sent );
		}
		set_transient( 'relance_confirm_' . $user, $sent, self::LIVES );
		return array( 'step' => 'code' );
	}

	/**
	 * A member confirms a number: the code comes back.
	 *
	 * @param int    $user The user's id.
	 * @param string $code As it was typed.
	 * @return array step.
	 */
	public static function phone_check( $user, $code ) {
		$sent = get_transient( 'relance_confirm_' . $user );
		if ( ! is_array( $sent ) || Relance_Store::too_many( 'confirm', (string) $user, 5, self::LIVES ) || ! self::is_right( $sent[0], $code ) ) {
			return array( 'step' => 'wrong' );
		}
		delete_transient( 'relance_confirm_' . $user );
		update_user_meta( $user, 'relance_phone', $sent[1] );
		update_user_meta( $user, 'relance_verified', time() );
		return array( 'step' => 'done' );
	}

	/**
	 * The number on a member's own profile page.
	 *
	 * @param WP_User $user The user.
	 */
	public static function profile( $user ) {
		if ( 'off' === self::way() ) {
			return;
		}
		wp_enqueue_script( 'relance-phone', plugins_url( 'assets/phone.js', RELANCE_FILE ), array(), RELANCE_VERSION, true );
		$phone = self::confirmed( $user->ID );
		?>
		<h2><?php esc_html_e( 'Log-in code by text message', 'relance' ); ?></h2>
		<table class="form-table" role="presentation"><tr>
			<th><label for="relance-phone"><?php esc_html_e( 'Mobile number', 'relance' ); ?></label></th>
			<td id="relance-profile" data-start="<?php echo esc_url( rest_url( 'relance/v1/phone/start' ) ); ?>" data-check="<?php echo esc_url( rest_url( 'relance/v1/phone/check' ) ); ?>" data-nonce="<?php echo esc_attr( wp_create_nonce( 'wp_rest' ) ); ?>">
				<input type="tel" id="relance-phone" autocomplete="tel" value="<?php echo esc_attr( $phone ); ?>">
				<button type="button" class="button" data-step="start"><?php esc_html_e( 'Send me a code', 'relance' ); ?></button>
				<span hidden><label for="relance-code" class="screen-reader-text"><?php esc_html_e( 'The code we have just sent you', 'relance' ); ?></label>
				<input type="text" id="relance-code" inputmode="numeric" autocomplete="one-time-code" size="8">
				<button type="button" class="button" data-step="check"><?php esc_html_e( 'Confirm', 'relance' ); ?></button></span>
				<p class="description" role="status" aria-live="polite"><?php echo esc_html( '' === $phone ? __( 'Not confirmed yet.', 'relance' ) : __( 'Confirmed.', 'relance' ) ); ?></p>
			</td>
		</tr></table>
		<?php
	}

	// The second step ---------------------------------------------------------------------------------------------

	/**
	 * The password was right: the code is still to come. Nobody is logged in before that.
	 *
	 * @param WP_User|WP_Error|null $user Who it is so far.
	 * @return WP_User|WP_Error|null
	 */
	public static function second_step( $user ) {
		if ( ! $user instanceof WP_User || 'off' === self::way() || did_action( 'application_password_did_authenticate' ) ) {
			return $user;
		}
		if ( '' === self::confirmed( $user->ID ) || self::has_other_factor( $user->ID ) ) {
			return $user;
		}
		if ( ( defined( 'XMLRPC_REQUEST' ) && XMLRPC_REQUEST ) || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
			// A door on which only the password is asked would make the second step worthless.
			return new WP_Error( 'relance_second_step', __( 'This account needs a code by text message: log in on the log-in page, or use an application password.', 'relance' ) );
		}
		if ( wp_doing_cron() || ( defined( 'WP_CLI' ) && WP_CLI ) ) {
			return $user;
		}
		if ( Relance_Store::too_many( 'login', (string) $user->ID, 5, HOUR_IN_SECONDS ) ) {
			return new WP_Error( 'relance_busy', Relance_Optin::words( 'busy' ) );
		}
		$sent = self::send_code( self::confirmed( $user->ID ), 'login' );
		if ( ! is_array( $sent ) ) {
			return new WP_Error( 'relance_away', Relance_Optin::words( 'away' ) );
		}
		// phpcs:disable WordPress.Security.NonceVerification -- WordPress's own log-in form has none.
		$token = self::begin(
			$user->ID,
			$sent[0],
			isset( $_REQUEST['redirect_to'] ) ? esc_url_raw( wp_unslash( $_REQUEST['redirect_to'] ) ) : ( isset( $_POST['redirect'] ) ? esc_url_raw( wp_unslash( $_POST['redirect'] ) ) : '' ),
			! empty( $_POST['rememberme'] )
		);
		// phpcs:enable
		wp_safe_redirect( add_query_arg( 'relance_token', $token, site_url( 'wp-login.php?action=relance_code', 'login' ) ) );
		exit;
	}

	/**
	 * Keeps who is about to come in.
	 *
	 * @param int    $user         The user's id; 0 for nobody, so that the page looks the same.
	 * @param string $verification As `send_code` gave it.
	 * @param string $to           Where to go afterwards.
	 * @param bool   $remember     Whether to remember.
	 * @return string A token.
	 */
	private static function begin( $user, $verification, $to, $remember ) {
		$token = Relance_Store::token();
		set_transient(
			'relance_login_' . $token,
			array(
				'user'         => $user,
				'verification' => $verification,
				'to'           => $to,
				'remember'     => $remember,
			),
			self::LIVES
		);
		return $token;
	}

	// Instead of the password -------------------------------------------------------------------------------------

	/**
	 * The way in beside the password.
	 */
	public static function offer() {
		if ( 'instead' === self::way() ) {
			printf( '<p><a href="%s">%s</a></p>', esc_url( site_url( 'wp-login.php?action=relance', 'login' ) ), esc_html__( 'Log in with a code by text message', 'relance' ) );
		}
	}

	/**
	 * Asks who it is. The answer is the same for everybody, and takes the same time: the code leaves after it.
	 */
	public static function ask_page() {
		if ( 'instead' !== self::way() ) {
			wp_safe_redirect( wp_login_url() );
			exit;
		}
		$error = new WP_Error();
		if ( isset( $_SERVER['REQUEST_METHOD'], $_POST['relance_user'] ) && 'POST' === $_SERVER['REQUEST_METHOD'] ) {
			check_admin_referer( 'relance_login' );
			$name = sanitize_text_field( wp_unslash( $_POST['relance_user'] ) );
			$ip   = Relance_Store::ip();
			if ( Relance_Store::too_many( 'login_ip', $ip, 5, HOUR_IN_SECONDS ) || Relance_Store::too_many( 'login_day', $ip, 20, DAY_IN_SECONDS ) ) {
				$error->add( 'relance_busy', Relance_Optin::words( 'busy' ) );
			} else {
				$user  = is_email( $name ) ? get_user_by( 'email', $name ) : get_user_by( 'login', $name );
				$known = $user && self::may_without_password( $user ) && ! Relance_Store::too_many( 'login', (string) $user->ID, 5, HOUR_IN_SECONDS );
				$to    = isset( $_REQUEST['redirect_to'] ) ? esc_url_raw( wp_unslash( $_REQUEST['redirect_to'] ) ) : '';
				$token = self::begin( $known ? $user->ID : 0, '', $to, false );
				if ( $known ) {
					$id = $user->ID;
					add_action(
						'shutdown',
						static function () use ( $id, $token ) {
							self::send_later( $id, $token );
						},
						900
					);
				}
				wp_safe_redirect( add_query_arg( 'relance_token', $token, site_url( 'wp-login.php?action=relance_code', 'login' ) ) );
				exit;
			}
		}
		login_header( __( 'Log in with a code', 'relance' ), '', $error );
		?>
		<form method="post" action="<?php echo esc_url( site_url( 'wp-login.php?action=relance', 'login_post' ) ); ?>">
			<?php wp_nonce_field( 'relance_login' ); ?>
			<p><label for="relance_user"><?php esc_html_e( 'User name or e-mail address', 'relance' ); ?></label>
			<input type="text" name="relance_user" id="relance_user" class="input" autocomplete="username" required></p>
			<p class="submit"><input type="submit" class="button button-primary button-large" value="<?php esc_attr_e( 'Send me a code', 'relance' ); ?>"></p>
		</form>
		<?php
		login_footer( 'relance_user' );
		exit;
	}

	/**
	 * The code leaves after the page was answered.
	 *
	 * @param int    $user  The user's id.
	 * @param string $token As `begin` gave it.
	 */
	private static function send_later( $user, $token ) {
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} else {
			flush();
		}
		$sent = self::send_code( self::confirmed( $user ), 'login', false );
		$kept = get_transient( 'relance_login_' . $token );
		if ( is_array( $sent ) && is_array( $kept ) ) {
			$kept['verification'] = $sent[0];
			set_transient( 'relance_login_' . $token, $kept, self::LIVES );
		}
	}

	// The code ----------------------------------------------------------------------------------------------------

	/**
	 * Asks for the code, and lets in whom it belongs to.
	 */
	public static function code_page() {
		$error = new WP_Error();
		$token = isset( $_REQUEST['relance_token'] ) ? sanitize_key( wp_unslash( $_REQUEST['relance_token'] ) ) : '';
		if ( 'off' === self::way() || ! preg_match( '/^[0-9a-f]{32}$/', $token ) ) {
			wp_safe_redirect( wp_login_url() );
			exit;
		}
		if ( isset( $_SERVER['REQUEST_METHOD'], $_POST['relance_code'] ) && 'POST' === $_SERVER['REQUEST_METHOD'] ) {
			check_admin_referer( 'relance_code' );
			$kept = get_transient( 'relance_login_' . $token );
			$code = sanitize_text_field( wp_unslash( $_POST['relance_code'] ) );
			if ( is_array( $kept ) && ! Relance_Store::too_many( 'login_code', $token, 5, self::LIVES ) && $kept['user'] && self::is_right( $kept['verification'], $code ) ) {
				delete_transient( 'relance_login_' . $token );
				$user = get_userdata( $kept['user'] );
				if ( $user ) {
					self::let_in( $user, $kept );
				}
			}
			$error->add( 'relance_wrong', Relance_Optin::words( 'wrong' ) );
			do_action( 'wp_login_failed', '', $error ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- core's own hook: guards count failures by it.
		}
		login_header( __( 'Your code', 'relance' ), '<p class="message">' . esc_html( Relance_Optin::words( 'code' ) ) . '</p>', $error );
		?>
		<form method="post" action="<?php echo esc_url( site_url( 'wp-login.php?action=relance_code', 'login_post' ) ); ?>">
			<?php wp_nonce_field( 'relance_code' ); ?>
			<input type="hidden" name="relance_token" value="<?php echo esc_attr( $token ); ?>">
			<p><label for="relance_code"><?php esc_html_e( 'The code we have just sent you', 'relance' ); ?></label>
			<input type="text" name="relance_code" id="relance_code" class="input" inputmode="numeric" autocomplete="one-time-code" required></p>
			<p class="submit"><input type="submit" class="button button-primary button-large" value="<?php esc_attr_e( 'Log in', 'relance' ); ?>"></p>
		</form>
		<?php
		login_footer( 'relance_code' );
		exit;
	}

	/**
	 * Comes in, as WordPress itself lets people in.
	 *
	 * @param WP_User $user The user.
	 * @param array   $kept As `begin` kept it.
	 */
	private static function let_in( $user, array $kept ) {
		wp_set_auth_cookie( $user->ID, (bool) $kept['remember'] );
		wp_set_current_user( $user->ID );
		do_action( 'wp_login', $user->user_login, $user ); // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- core's own hook.
		$home = user_can( $user, 'edit_posts' ) ? admin_url() : home_url( '/' );
		wp_safe_redirect( '' !== $kept['to'] ? wp_validate_redirect( $kept['to'], $home ) : $home );
		exit;
	}
}
